/* SPDX-License-Identifier: MIT */
/*
 * Registers that need not be read again when a guest is stopped: those that
 * the VM has once, which KVM fixes at the first run; and those of a vCPU that
 * its guest cannot write, as long as they hold what a reset would give them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "fixed.h"

/* ---- a new vCPU's values ---- */

static int read_values(struct starting *s, const struct scratch *scratch)
{
	struct access p;
	struct batch b = { 0 };
	size_t done;
	int ret = access_open(&p, &scratch->io, scratch->vm_fd,
			      scratch->vcpu_fds, NULL);

	if (!ret)
		ret = access_list(&p, NULL);
	if (!ret)
		ret = access_vcpu_list(&p, 0, &s->set);
	if (!ret)
		s->row = calloc(1, s->set.row_size + 1);
	if (!ret && (!s->row || batch_init(&b, s->set.n)))
		ret = -ENOMEM;
	for (size_t i = 0; !ret && i < s->set.n; i++)
		batch_add(&b, s->set.ids[i], s->row + s->set.offsets[i], i);
	if (!ret)
		ret = access_get(&p, 0, b.regs, b.n, &done);
	batch_free(&b);
	access_close(&p);
	return ret;
}

/* A vCPU as the VM's, with the same id: some values follow from it. */
int starting_read(struct starting *s, const struct onereg_vm *vm,
		  const struct onereg_image *image)
{
	struct scratch scratch;
	int ret = scratch_open(&scratch,
			       &(struct scratch_options){
				       .io = &vm->io,
				       .kvm_fd = &vm->kvm_fd,
				       .like = image,
				       .caps = image->caps,
				       .n_caps = image->n_caps,
				       .vcpu_ids = vm->vcpu_ids,
				       .n_vcpus = 1,
			       }, NULL);

	*s = (struct starting){ 0 };
	if (!ret) {
		ret = scratch_init_vcpus(&scratch, image->features[0], NULL);
		if (!ret)
			ret = read_values(s, &scratch);
		scratch_close(&scratch);
	}
	if (ret)
		starting_free(s);
	/* Without it, all is read: slower, and as right. */
	return ret == -ENOMEM ? ret : 0;
}

void starting_free(struct starting *s)
{
	regset_free(&s->set);
	free(s->row);
	*s = (struct starting){ 0 };
}

/* ---- what is fixed ---- */

/* -1: the list does not have the register that tells. */
static int count_in(const struct regset *set, const uint8_t *row,
		    const struct reg_count *c)
{
	ptrdiff_t at = regset_find(set, c->id);

	if (at < 0)
		return -1;
	return (int)(regset_u64(set, row, (size_t)at) >> c->lsb &
		     ((1u << c->width) - 1)) +
	       (int)c->plus;
}

/*
 * Of the host, as a new vCPU has it, for what the guest is shown may be less;
 * but this VM may have a PMU with more counters.
 */
static unsigned int count_of(const struct starting *s,
			     const struct reg_count *c,
			     const struct regset *set, const uint8_t *row)
{
	int host = count_in(&s->set, s->row, c), own = count_in(set, row, c);

	return host < 0 ? UINT_MAX : (unsigned int)(own > host ? own : host);
}

/* The id's bits that the family's mask leaves out, as a number. */
static uint64_t number_of(const struct family *f, uint64_t id)
{
	return (id & ~f->mask) >> __builtin_ctzll(~f->mask);
}

static bool guest_writes(const struct starting *s, const struct regset *set,
			 const uint8_t *row, const struct family *f,
			 uint64_t id)
{
	if (f->guest == GUEST_BELOW)
		return number_of(f, id) < count_of(s, f->count, set, row);
	return f->guest == GUEST_WRITES;
}

bool is_fixed(const struct starting *s, const struct regset *set,
	      const uint8_t *row, size_t i)
{
	uint64_t id = set->ids[i];
	const struct family *f = catalogue_find(id);
	ptrdiff_t at;

	/* By the first run, by the host, by finalize. */
	if (f->phase == PHASE_VM || f->phase == PHASE_HOST ||
	    f->phase == PHASE_VLS)
		return true;
	if (guest_writes(s, set, row, f, id))
		return false;
	at = regset_find(&s->set, id);
	return at >= 0 && !memcmp(s->row + s->set.offsets[at],
				  row + set->offsets[i], onereg_reg_size(id));
}
