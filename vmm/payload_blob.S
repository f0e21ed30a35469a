/* SPDX-License-Identifier: MIT */
	.section .rodata
	.balign 16
	.global payload_elf, payload_elf_end
payload_elf:
	.incbin PAYLOAD
payload_elf_end:
	.section .note.GNU-stack, "", %progbits
