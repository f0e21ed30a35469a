// SPDX-License-Identifier: MIT
/*
 * Any bytes as calls on a model with VM-scoped registers, as tests/random
 * makes them. Whatever was called, the VM fd lists what can be read there,
 * every vCPU reads the same, and a vector that failed names the entry.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "world.h"

#define CHECK_EVERY	16	/* calls */
#define MAX_CALLS	1000
#define N_HOSTS		16

struct list {
	uint64_t n;
	uint64_t ids[MAX_IDS];
};

/* What the VM fd says at one moment. */
struct view {
	struct list list;
	uint64_t values[MAX_IDS];
};

static struct world *w;
static struct view view;
static struct list vcpu_list;

static int call(int fd, unsigned long request, void *arg)
{
	return io_ioctl(w->sides[0].io, fd, request, arg);
}

static void get_list(int fd, struct list *list)
{
	list->n = 0;
	EXPECT(call(fd, KA_GET_REG_LIST, list) == -E2BIG);
	EXPECT(list->n > 0 && list->n <= MAX_IDS);
	EXPECT(!call(fd, KA_GET_REG_LIST, list));
}

static bool is_listed(const struct list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->ids[i] == id)
			return true;
	return false;
}

/* Nothing is written where it fails. */
static int get(int fd, uint64_t id, uint64_t *value)
{
	uint8_t bytes[KA_REG_SIZE_MAX] = { 0 };
	struct ka_one_reg reg = { .id = id, .addr = (uintptr_t)bytes };
	int ret = call(fd, KA_GET_ONE_REG, &reg);

	if (!ret)
		memcpy(value, bytes, sizeof(*value));
	return ret;
}

static void is_missing(int fd, uint64_t id)
{
	uint64_t value;

	EXPECT(get(fd, id, &value) == -ENOENT);
}

/* By a vector and one by one: the same. */
static void read_vm(int fd)
{
	static struct ka_one_reg regs[MAX_IDS];
	struct ka_reg_vec vec = { .regs = (uintptr_t)regs };
	const struct list *list = &view.list;
	uint64_t value = 0;

	get_list(fd, &view.list);
	vec.count = (uint32_t)list->n;
	for (size_t i = 0; i < list->n; i++) {
		EXPECT(onereg_reg_size(list->ids[i]) == sizeof(value));
		regs[i].id = list->ids[i];
		regs[i].addr = (uintptr_t)&view.values[i];
	}
	EXPECT(!call(fd, KA_GET_REG_VEC, &vec));
	EXPECT(vec.done == vec.count);
	for (size_t i = 0; i < list->n; i++) {
		EXPECT(!get(fd, list->ids[i], &value));
		EXPECT(value == view.values[i]);
	}
}

/* What is not listed cannot be read on the VM fd. */
static void check_unlisted(int fd)
{
	for (size_t i = 0; i < w->n_ids; i++)
		if (!is_listed(&view.list, w->ids[i]))
			is_missing(fd, w->ids[i]);
	for (size_t i = 0; i < 8; i++) {
		if (!is_listed(&view.list, KA_VM_REG(i)))
			is_missing(fd, KA_VM_REG(i));
		if (!is_listed(&view.list, KA_BMAP(i)))
			is_missing(fd, KA_BMAP(i));
	}
}

/* All of the VM's registers take the tag, or none does. */
static bool is_tagging(int fd)
{
	const struct list *list = &view.list;
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t value = 0;
		int ret = get(fd, list->ids[i] | KA_REG_SCOPE_VM, &value);

		EXPECT(!ret || ret == -ENOENT);
		EXPECT(ret || value == view.values[i]);
		n += !ret;
	}
	EXPECT(!n || n == list->n);
	return n;
}

/* How a vCPU lists what the VM fd lists. */
static int scope_mode(uint64_t id)
{
	bool plain = is_listed(&vcpu_list, id);
	bool tagged = is_listed(&vcpu_list, id | KA_REG_SCOPE_VM);

	EXPECT(!plain || !tagged);
	if (plain)
		return KA_REG_SCOPE_OFF;
	return tagged ? KA_REG_SCOPE_TAG : KA_REG_SCOPE_OMIT;
}

static bool is_config(uint64_t id)
{
	return (id & KA_REG_CLASS_MASK) == KA_REG_VM;
}

/* Returns how it lists the VM's registers. */
static int check_shared(int fd, uint64_t id, uint64_t expected, bool tagging)
{
	uint64_t value = 0;
	int ret;

	EXPECT(!get(fd, id, &value));
	EXPECT(value == expected);
	ret = get(fd, id | KA_REG_SCOPE_VM, &value);
	EXPECT(ret == (tagging ? 0 : -ENOENT));
	EXPECT(value == expected);
	return scope_mode(id);
}

static void check_vcpu(int fd, bool tagging)
{
	const struct list *list = &view.list;
	size_t n_shared = 0, n_tagged = 0, modes[3] = { 0 };

	get_list(fd, &vcpu_list);
	for (size_t i = 0; i < list->n; i++) {
		if (is_config(list->ids[i])) {
			is_missing(fd, list->ids[i]);
			continue;
		}
		modes[check_shared(fd, list->ids[i], view.values[i],
				   tagging)]++;
		n_shared++;
	}
	EXPECT(modes[KA_REG_SCOPE_TAG] == (tagging ? n_shared : 0));
	EXPECT(!modes[KA_REG_SCOPE_OFF] || modes[KA_REG_SCOPE_OFF] == n_shared);
	for (size_t i = 0; i < vcpu_list.n; i++)
		n_tagged += !!(vcpu_list.ids[i] & KA_REG_SCOPE_VM);
	EXPECT(n_tagged == modes[KA_REG_SCOPE_TAG]);
}

static void check_vm(const struct object *vm)
{
	bool tagging;

	read_vm(vm->fd[0]);
	check_unlisted(vm->fd[0]);
	tagging = is_tagging(vm->fd[0]);
	for (size_t i = 0; i < MAX_OBJECTS; i++) {
		const struct object *o = &w->objects[i];

		if (o->kind == OBJECT_VCPU && o->vm == vm->vm && o->ready)
			check_vcpu(o->fd[0], tagging);
	}
}

/* number NULL: each VM. */
static void check_vms(const size_t *number)
{
	for (size_t i = 0; i < MAX_OBJECTS; i++) {
		const struct object *o = &w->objects[i];

		if (o->kind == OBJECT_VM && (!number || o->vm == *number))
			check_vm(o);
	}
}

/*
 * The entry that a vector stopped at fails alone as well. Of a VM,
 * KVM_GET_ONE_REG with another architecture's id is an older ioctl.
 */
static void check_stopped(const struct ka_reg_vec *vec)
{
	struct ka_one_reg reg;
	const uint8_t *at = look(w, &w->after[0],
				 vec->regs + vec->done * sizeof(reg),
				 sizeof(reg));

	if (!at)
		return;
	memcpy(&reg, at, sizeof(reg));
	if ((reg.id & KA_REG_ARCH_MASK) == KA_REG_ARM64)
		EXPECT(call(w->target.fd[0], KA_GET_ONE_REG, &reg) ==
		       w->ret[0]);
}

/* After a call with a vector, on a file that knows them. */
static void check_vec(void)
{
	const uint8_t *at = look(w, &w->after[0], w->call.arg,
				 sizeof(struct ka_reg_vec));
	struct ka_reg_vec vec;

	if (!at) {
		EXPECT(w->ret[0] < 0);
		return;
	}
	memcpy(&vec, at, sizeof(vec));
	EXPECT(vec.done <= vec.count);
	if (!w->ret[0])
		EXPECT(vec.count && vec.done == vec.count);
	else if (vec.count && vec.count <= KA_REG_VEC_MAX && !vec.flags &&
		 !vec.reserved)
		EXPECT(vec.done < vec.count);
	if (w->ret[0] && vec.done && w->call.request == KA_GET_REG_VEC)
		check_stopped(&vec);
}

static void check_call(void)
{
	bool vec = w->call.request == KA_GET_REG_VEC ||
		   w->call.request == KA_SET_REG_VEC;

	if (vec && (w->target.kind == OBJECT_VM ||
		    w->target.kind == OBJECT_VCPU))
		check_vec();
}

/* Each is made once. */
static const struct onereg_host *host_of(size_t i)
{
	static struct onereg_host *hosts[N_HOSTS];
	const struct model_host_options options = {
		.sve = i & 1,
		.pmu = i & 2,
		.pauth = i & 4,
		.s1poe = i & 8,
		.vm_regs = true,
	};

	if (!hosts[i])
		EXPECT(!model_host_new(&options, &hosts[i]));
	return hosts[i];
}

/* Time stands still, so that counters read the same twice. */
static struct model *new_model(const struct onereg_host *host)
{
	struct model_style style;
	struct model *model;

	model_style_default(host, &style);
	EXPECT(style.vm_regs);
	style.ticks_per_ioctl = 0;
	EXPECT(!model_new(host, &style, &model));
	return model;
}

static void make_calls(struct source *s)
{
	for (size_t n = 1; n <= MAX_CALLS && !source_is_empty(s); n++) {
		world_step(w, s);
		check_call();
		if (n % CHECK_EVERY == 0)
			check_vms(&w->target.vm);
	}
	check_vms(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = source_bytes(data, size);
	const struct onereg_host *host;
	struct model *model;

	if (!size)
		return 0;
	host = host_of(source_below(&s, N_HOSTS));
	model = new_model(host);
	w = calloc(1, sizeof(*w));
	EXPECT(w);
	w->n_sides = 1;
	w->sides[0].model = model;
	w->sides[0].io = model_io(model);
	EXPECT(!world_open(w, host));
	make_calls(&s);
	world_close(w);
	EXPECT(!model_n_open(model));
	free(w);
	model_free(model);
	return 0;
}
