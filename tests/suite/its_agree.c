// SPDX-License-Identifier: MIT
/*
 * Does the model's ITS do as this kernel's? Both are told the same at random:
 * commands, registers, MSIs, bytes of memory. Each answer has to be the same,
 * and, each time tables are saved and in between, all of guest memory.
 */
#include <string.h>

#include "its.h"

#define N_ROUNDS	16
#define N_STEPS		160
#define MAX_LOGGED	4096

/* What to do to a guest. */
struct step {
	int (*run)(struct guest *g, const struct step *s, uint64_t *value);
	const char *name;
	uint64_t a, b;
	struct command command;
	uint64_t reads;		/* what a GET gave */
};

struct both {
	struct guest real, model;
	uint64_t seed;
	size_t asked, differ;
};

static uint64_t among(struct both *b, uint64_t n)
{
	return random_next(&b->seed) % n;
}

static uint64_t one_of(struct both *b, const uint32_t *v, size_t n)
{
	return v[among(b, n)];
}
#define ONE_OF(b, ...)                                                \
	one_of(b, (const uint32_t[]){ __VA_ARGS__ },                  \
	       sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* ---- what can be done ---- */

static int run_command(struct guest *g, const struct step *s, uint64_t *value)
{
	uint64_t at = 0;
	int ret = its_get(g, s->a, GITS_CWRITER, &at);

	if (at + sizeof(s->command) > QUEUE_SIZE)
		at = 0;
	memcpy(its_memory(g, MEMORY_QUEUE(s->a) + at), &s->command,
	       sizeof(s->command));
	at = (at + sizeof(s->command)) % QUEUE_SIZE;
	ret = ret ? ret : its_set(g, s->a, GITS_CWRITER, at);
	return ret ? ret : its_get(g, s->a, GITS_CREADR, value);
}

static int run_set(struct guest *g, const struct step *s, uint64_t *value)
{
	int ret = its_set(g, 0, s->a, s->b);

	its_get(g, 0, s->a, value);
	return ret;
}

static int run_get(struct guest *g, const struct step *s, uint64_t *value)
{
	return its_get(g, 0, s->a, value);
}

static int run_signal(struct guest *g, const struct step *s, uint64_t *value)
{
	(void)value;
	return its_signal(g, 0, s->a, s->b);
}

static int run_control(struct guest *g, const struct step *s, uint64_t *value)
{
	(void)value;
	return its_control(g, 0, s->a);
}

static int run_save(struct guest *g, const struct step *s, uint64_t *value)
{
	(void)s;
	(void)value;
	return its_save(g);
}

static int run_redist(struct guest *g, const struct step *s, uint64_t *value)
{
	int ret = gicr_set(g, s->a, GICR_CTLR, s->b);

	return ret ? ret : gicr_get(g, s->a, GICR_CTLR, value);
}

static int run_byte(struct guest *g, const struct step *s, uint64_t *value)
{
	(void)value;
	*its_memory(g, s->a) = s->b;
	return 0;
}

/* ---- at random ---- */

/* Mostly the same few, so that commands meet what there is. */
static uint32_t device(struct both *b)
{
	return among(b, 5) ? ONE_OF(b, 0, 7) :
			     ONE_OF(b, 1, 0x10, 0x2001, 0x4801, 0xffff,
				    0x10000);
}

static uint32_t event(struct both *b)
{
	return among(b, 6) ? among(b, 5) :
			     ONE_OF(b, 31, 255, 8192, 8200, 65535, 65536);
}

static uint32_t lpi(struct both *b)
{
	return among(b, 12) ? LPI(among(b, 16)) :
			      ONE_OF(b, 0, 31, 8191, 65535, 65536);
}

static uint32_t icid(struct both *b)
{
	return among(b, 8) ? among(b, 4) : ONE_OF(b, 8191, 8192, 65535);
}

static uint32_t processor(struct both *b)
{
	return among(b, 12) ? among(b, 3) : ONE_OF(b, 3, 99);
}

static struct command any_mapd(struct both *b)
{
	unsigned int bits = ONE_OF(b, 1, 2, 3, 5, 14, 16, 17, 32);
	uint64_t itt = among(b, 10) ? MEMORY_ITTS(0) + among(b, 6) * 0x10000 :
				      0x1234500;

	return among(b, 5) ? mapd(device(b), bits, itt) : unmapd(device(b));
}

static struct command any_command(struct both *b)
{
	switch (among(b, 17)) {
	case 0:
		return any_mapd(b);
	case 1:
	case 2:
		return mapc(icid(b), processor(b));
	case 3:
		return among(b, 3) ? mapc(icid(b), processor(b)) :
				     unmapc(icid(b));
	case 4:
	case 5:
		return movi(device(b), event(b), icid(b));
	case 6:
		return movall(processor(b), processor(b));
	case 7:
		return discard(device(b), event(b));
	case 8:
		return clear(device(b), event(b));
	case 9:
		return among(b, 2) ? inv(device(b), event(b)) :
				     invall(icid(b));
	case 10:
	case 11:
		return interrupt(device(b), event(b));
	case 12:
		return interrupt(device(b), event(b));
	case 13:
		return mapi(device(b), event(b), icid(b));
	}
	return mapti(device(b), event(b), lpi(b), icid(b));
}

/* Some of the registers' values, so that the ITS stays of use. */
static uint64_t reg_value(struct both *b, uint64_t reg)
{
	uint64_t value = random_next(&b->seed);

	switch (reg) {
	case GITS_CTLR:
		return among(b, 4) ? 1 : 0;
	case GITS_CREADR:
	case GITS_CWRITER:
		return value & 0x1ffff;
	}
	return value;
}

static struct step any_step(struct both *b)
{
	static const uint32_t regs[] = {
		GITS_CTLR, GITS_CTLR, GITS_CTLR, GITS_IIDR, GITS_TYPER,
		GITS_CREADR, GITS_BASER(0), GITS_BASER(1), GITS_BASER(5),
		GITS_CBASER, 0x18, 0x84, 0xffd0, 0xfffc, 0x10000, 3,
	};
	struct step s = { .a = among(b, 3) };
	uint64_t kind = among(b, 100);

	if (kind < 60)
		s = (struct step){ run_command, "command", 0, 0,
				   any_command(b), 0 };
	else if (kind < 70)
		s = (struct step){ run_signal, "MSI", device(b), event(b),
				   { { 0 } }, 0 };
	else if (kind < 74)
		s = (struct step){ run_get, "get", one_of(b, regs, 16), 0,
				   { { 0 } }, 0 };
	else if (kind < 77)
		s = (struct step){ run_set, "set", one_of(b, regs, 16), 0,
				   { { 0 } }, 0 };
	else if (kind < 81)
		s = (struct step){ run_redist, "GICR_CTLR", among(b, 3),
				   among(b, 3), { { 0 } }, 0 };
	else if (kind < 88)
		s = (struct step){ run_byte, "property",
				   MEMORY_PROP + among(b, 24),
				   random_next(&b->seed) & 0xff, { { 0 } },
				   0 };
	else if (kind < 94)
		s = (struct step){ run_byte, "pending",
				   MEMORY_PEND(among(b, 3)) + 1024 +
					   among(b, 2),
				   random_next(&b->seed) & 0xff, { { 0 } },
				   0 };
	else
		s = (struct step){ run_save, "save", 0, 0, { { 0 } }, 0 };
	if (s.run == run_set)
		s.b = reg_value(b, s.a);
	return s;
}

/* ---- asking both ---- */

static void differs(struct test *t, struct both *b, const struct step *s,
		    int rx, int ry, uint64_t x, uint64_t y)
{
	b->differ++;
	if (t->log_used < MAX_LOGGED)
		test_fail(t, "step %zu, %s %#llx %#llx (%#llx %#llx %#llx): %d "
			  "%#llx, model %d %#llx\n", b->asked, s->name,
			  (unsigned long long)s->a, (unsigned long long)s->b,
			  (unsigned long long)s->command.words[0],
			  (unsigned long long)s->command.words[1],
			  (unsigned long long)s->command.words[2], rx,
			  (unsigned long long)x, ry, (unsigned long long)y);
}

static void same_memory(struct test *t, struct both *b, const struct step *s)
{
	size_t i = 0;

	if (!memcmp(b->real.memory, b->model.memory, MEMORY_SIZE))
		return;
	while (b->real.memory[i] == b->model.memory[i])
		i++;
	i &= ~7UL;
	differs(t, b, s, 0, 0, its_word(&b->real, MEMORY_BASE + i),
		its_word(&b->model, MEMORY_BASE + i));
	test_fail(t, "memory at %#llx\n", MEMORY_BASE + i);
	memcpy(b->model.memory, b->real.memory, MEMORY_SIZE);
}

static void ask(struct test *t, struct both *b, const struct step *s)
{
	uint64_t x = 0, y = 0;
	int rx = s->run(&b->real, s, &x);
	int ry = s->run(&b->model, s, &y);

	b->asked++;
	if (rx != ry || x != y)
		differs(t, b, s, rx, ry, x, y);
	if (s->run == run_save || b->asked % 16 == 0)
		same_memory(t, b, s);
}

/* A guest that has just booted, whatever was. */
static void reboot(struct test *t, struct guest *g, bool indirect)
{
	its_control(g, 0, KA_ITS_CTRL_RESET);
	for (size_t i = 0; i < g->shape.n_vcpus; i++)
		gicr_set(g, i, GICR_CTLR, 0);
	memset(g->memory, 0, MEMORY_SIZE);
	its_boot(t, g, indirect);
	RUN(t, g, 0, mapc(0, 0), mapc(1, 1), mapc(2, 2),
	    mapd(0, 5, MEMORY_ITTS(0)), mapd(7, 14, MEMORY_ITTS(0) + 0x10000));
}

/* What is in memory then, is mapped: tables that a guest of ours wrote. */
static void take_tables(struct test *t, struct both *b)
{
	const struct step steps[] = {
		{ run_save, "save", 0, 0, { { 0 } }, 0 },
		{ run_set, "set", GITS_CTLR, 0, { { 0 } }, 0 },
		{ run_control, "reset", KA_ITS_CTRL_RESET, 0, { { 0 } }, 0 },
	};
	const struct step restore = { run_control, "restore",
				      KA_ITS_RESTORE_TABLES, 0, { { 0 } }, 0 };
	const struct step saves = steps[0];
	uint64_t baser[2] = { 0 };

	its_get(&b->real, 0, GITS_BASER(0), &baser[0]);
	its_get(&b->real, 0, GITS_BASER(1), &baser[1]);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		ask(t, b, &steps[i]);
	for (unsigned int i = 0; i < 2; i++)
		ask(t, b, &(struct step){ run_set, "set", GITS_BASER(i),
					  baser[i], { { 0 } }, 0 });
	ask(t, b, &restore);
	ask(t, b, &saves);
}

static void ask_all(struct test *t, struct both *b)
{
	for (unsigned int round = 0; round < N_ROUNDS; round++) {
		reboot(t, &b->real, round % 2);
		reboot(t, &b->model, round % 2);
		for (unsigned int i = 0; i < N_STEPS; i++) {
			struct step s = any_step(b);

			ask(t, b, &s);
		}
		take_tables(t, b);
	}
}

static void with_model(struct test *t, const struct onereg_host *host)
{
	struct both b = { .model = no_guest, .seed = 4711 };
	struct machine machine = { 0 };

	EXPECT(t, !model_new(host, NULL, &machine.model), "model");
	machine.io = model_io(machine.model);
	b.model.machine = &machine;
	if (its_guest(t, &b.real, 1, 3) &&
	    guest_create(t, &b.model, &machine, &b.real.shape) &&
	    guest_start(t, &b.model))
		ask_all(t, &b);
	guest_destroy(&b.model);
	guest_destroy(&b.real);
	model_free(machine.model);
	EXPECT(t, !b.differ, "%zu of %zu answers differ", b.differ, b.asked);
}

void model_of_an_its_agrees_with_this_kernel(struct test *t)
{
	struct onereg_describe_options o = { .size = sizeof(o),
					     .io = t->src.io };
	struct onereg_host *host = NULL;
	int ret;

	if (!need_its(t))
		return;
	ret = onereg_host_describe(&o, &host, NULL);
	if (EXPECT(t, !ret, "%d", ret))
		with_model(t, host);
	onereg_host_free(host);
}
