/* SPDX-License-Identifier: MIT */
/*
 * Host descriptions as files: the sections of kind HOST (docs/format.md).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"

#define CAP_SIZE 8
#define PROFILE_MIN_SIZE 16 /* of one without registers */
#define REG_SIZE 10 /* of a register, besides id and value */

static const uint32_t host_types[] = {
	FORMAT_ORIG,
	FORMAT_CAPS,
	FORMAT_PROF,
	/* may be absent */
	FORMAT_SCOP,
};
#define N_NEEDED 3

/* ---- what holds in every description, written or read ---- */

/* The element's number i of n, made an id. */
typedef uint64_t (*id_at)(const struct onereg_host *host, size_t i);

static uint64_t cap_at(const struct onereg_host *host, size_t i)
{
	return host->caps[i].cap;
}

static uint64_t features_at(const struct onereg_host *host, size_t i)
{
	return host->profiles[i].features;
}

static int check_unique(const struct onereg_host *host, size_t n, id_at at,
			uint64_t *ret_twice)
{
	uint64_t *ids;
	size_t i;
	int r;

	if (!n)
		return 0;
	ids = malloc(n * sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		ids[i] = at(host, i);
	r = ids_unique(ids, n, ret_twice);
	free(ids);
	return r;
}

static int check_profile(const struct host_profile *p, struct fault *f)
{
	uint64_t id = 0;
	size_t i;
	int r;

	r = ids_unique(p->set.ids, p->set.n, &id);
	if (r == -EEXIST)
		return fault(f, FORMAT_PROF, "id %#llx occurs twice in a list",
			     (unsigned long long)id);
	for (i = 0; !r && i < p->set.n; i++) {
		unsigned long long which = p->set.ids[i];
		unsigned int source;

		if (p->scope[i] > ONEREG_SCOPE_HOST)
			return fault(f, FORMAT_PROF,
				     "id %#llx has unknown scope %u", which,
				     p->scope[i]);
		source = scope_source(p, i);
		if (source & ~(FORMAT_SCOP_OBSERVED | FORMAT_SCOP_TOLD))
			return fault(f, FORMAT_SCOP,
				     "reserved bits are set for id %#llx (%#x)",
				     which, source);
		if (!source != !p->scope[i])
			return fault(f, FORMAT_SCOP,
				     "id %#llx has scope %u, which is %s", which,
				     p->scope[i],
				     onereg_scope_source_name(source));
	}
	return r;
}

static int check_profiles(const struct onereg_host *host, struct fault *f)
{
	uint64_t twice = 0;
	size_t i;
	int r;

	if (host->n_profiles > FORMAT_MAX_PROFILES)
		return fault(f, FORMAT_PROF, "too many profiles");
	r = check_unique(host, host->n_profiles, features_at, &twice);
	if (r == -EEXIST)
		return fault(f, FORMAT_PROF, "features %#llx occur twice",
			     (unsigned long long)twice);
	for (i = 0; !r && i < host->n_profiles; i++)
		r = check_profile(&host->profiles[i], f);
	return r;
}

static int check_host(const struct onereg_host *host, struct fault *f)
{
	uint64_t twice = 0;
	int r;

	if (!format_string_ok(host->writer) || !format_string_ok(host->release))
		return fault(f, FORMAT_ORIG,
			     "a string is too long or no ASCII");
	if (host->n_caps > FORMAT_MAX_CAPS)
		return fault(f, FORMAT_CAPS, "too many capabilities");
	r = check_unique(host, host->n_caps, cap_at, &twice);
	if (r == -EEXIST)
		return fault(f, FORMAT_CAPS, "capability %llu occurs twice",
			     (unsigned long long)twice);
	return r ? r : check_profiles(host, f);
}

/* ---- writing ---- */

static void put_host_origin(struct container_out *out,
			    const struct onereg_host *host)
{
	put_origin(out,
		   &(struct origin){
			   .writer = host->writer,
			   .release = host->release,
			   .midr = host->midr,
			   .counter_frequency = host->counter_frequency,
			   .flags = (host->partial ? FORMAT_ORIG_PARTIAL : 0) |
				    (host->probed ? FORMAT_ORIG_PROBED : 0),
		   });
}

static void put_caps(struct container_out *out, const struct onereg_host *host)
{
	size_t i;

	container_begin(out, FORMAT_CAPS);
	put_u32(out, (uint32_t)host->n_caps);
	put_u32(out, 0);
	for (i = 0; i < host->n_caps; i++) {
		put_u32(out, host->caps[i].cap);
		put_u32(out, (uint32_t)host->caps[i].value);
	}
	container_end(out);
}

/* What is not known is written as 0, whatever memory has. */
static void put_reset(struct container_out *out, const struct host_profile *p)
{
	static const uint8_t zeros[KA_REG_SIZE_MAX];
	size_t i;

	for (i = 0; i < p->set.n; i++)
		put_bytes(out,
			  p->has_reset[i] ? p->reset + p->set.offsets[i] :
					    zeros,
			  onereg_reg_size(p->set.ids[i]));
	put_padding(out);
}

static void put_profile(struct container_out *out, const struct host_profile *p)
{
	size_t i;

	put_u32(out, p->features);
	put_u32(out, 0);
	put_regset(out, &p->set);
	for (i = 0; i < p->set.n; i++)
		put_u64(out, p->has_mask[i] ? p->writable[i] : 0);
	put_bytes(out, p->scope, p->set.n);
	for (i = 0; i < p->set.n; i++)
		put_u8(out, (p->has_reset[i] ? FORMAT_PROF_RESET : 0) |
				    (p->has_mask[i] ? FORMAT_PROF_MASK : 0));
	put_padding(out);
	put_reset(out, p);
}

static bool is_told(const struct onereg_host *host)
{
	for (size_t i = 0; i < host->n_profiles; i++)
		for (size_t k = 0; k < host->profiles[i].set.n; k++)
			if (scope_source(&host->profiles[i], k) &
			    ONEREG_SCOPE_TOLD)
				return true;
	return false;
}

/* Only where there is more to say than that what is known was observed. */
static void put_sources(struct container_out *out,
			const struct onereg_host *host)
{
	if (!is_told(host))
		return;
	container_begin_new(out, FORMAT_SCOP, 1, false);
	for (size_t i = 0; i < host->n_profiles; i++)
		for (size_t k = 0; k < host->profiles[i].set.n; k++)
			put_u8(out, (uint8_t)scope_source(&host->profiles[i],
							  k));
	put_padding(out);
	container_end(out);
}

static int encode(const struct onereg_host *host, const char *name, void **ret,
		  size_t *ret_size, struct onereg_report *report)
{
	struct container_out out;
	struct fault f;
	size_t i;
	int r = check_host(host, &f);

	if (r)
		return fault_write(r, &f, name, report);
	container_start(&out, FORMAT_KIND_HOST, 4096);
	put_host_origin(&out, host);
	put_caps(&out, host);
	container_begin(&out, FORMAT_PROF);
	put_u32(&out, (uint32_t)host->n_profiles);
	put_u32(&out, 0);
	for (i = 0; i < host->n_profiles; i++)
		put_profile(&out, &host->profiles[i]);
	container_end(&out);
	put_sources(&out, host);
	r = container_finish(&out, ret, ret_size);
	return fault_write(r, &f, name, report);
}

int onereg_host_write(const struct onereg_host *host, void **ret,
		      size_t *ret_size)
{
	return encode(host, NULL, ret, ret_size, NULL);
}

int onereg_host_write_file(const struct onereg_host *host, const char *path,
			   struct onereg_report *report)
{
	void *data;
	size_t size;
	int r;

	r = encode(host, path, &data, &size, report);
	if (r)
		return r;
	r = file_write_whole(path, data, size, report);
	free(data);
	return r;
}

/* ---- reading ---- */

static int read_host_origin(const struct container *c, struct onereg_host *host)
{
	struct origin o = { 0 };
	struct fault f;
	int r;

	r = read_origin(c, FORMAT_ORIG_PARTIAL | FORMAT_ORIG_PROBED,
			host->writer, host->release, &o);
	if (r)
		return r;
	host->midr = o.midr;
	host->counter_frequency = o.counter_frequency;
	host->partial = o.flags & FORMAT_ORIG_PARTIAL;
	host->probed = o.flags & FORMAT_ORIG_PROBED;
	if (!o.saved_at)
		return 0;
	fault(&f, FORMAT_ORIG, "a time of save");
	return container_fault(c, &f);
}

static int read_caps(const struct container *c, struct onereg_host *host)
{
	struct cursor cur;
	size_t i, n = 0;
	int r;

	cursor_init(&cur, c, FORMAT_CAPS);
	r = cursor_count(&cur, "capabilities", CAP_SIZE, FORMAT_MAX_CAPS, &n);
	if (!r)
		r = cursor_zero_u32(&cur);
	if (!r && n) {
		host->caps = calloc(n, sizeof(*host->caps));
		if (!host->caps)
			return -ENOMEM;
		host->n_caps = n;
	}
	for (i = 0; !r && i < n; i++) {
		host->caps[i].cap = cursor_u32(&cur);
		host->caps[i].value = (int32_t)cursor_u32(&cur);
	}
	return r ? r : cursor_finish(&cur);
}

static int allocate_profile(struct host_profile *p)
{
	size_t n = p->set.n;

	if (!n)
		return 0;
	p->writable = calloc(n, sizeof(*p->writable));
	p->scope = calloc(n, 1);
	p->has_reset = calloc(n, 1);
	p->has_mask = calloc(n, 1);
	return p->writable && p->scope && p->has_reset && p->has_mask ? 0 :
									-ENOMEM;
}

/* Masks, scopes and flags, of which there are enough bytes. */
static int read_reg_facts(struct cursor *cur, struct host_profile *p)
{
	size_t i;

	for (i = 0; i < p->set.n; i++)
		p->writable[i] = cursor_u64(cur);
	for (i = 0; i < p->set.n; i++)
		p->scope[i] = cursor_u8(cur);
	for (i = 0; i < p->set.n; i++) {
		uint8_t flags = cursor_u8(cur);

		if (flags & ~(FORMAT_PROF_RESET | FORMAT_PROF_MASK))
			return cursor_error(cur, "reserved flags are set (%#x)",
					    flags);
		p->has_reset[i] = !!(flags & FORMAT_PROF_RESET);
		p->has_mask[i] = !!(flags & FORMAT_PROF_MASK);
		if (p->writable[i] && !p->has_mask[i])
			return cursor_error(
				cur, "a mask that does not count is not 0");
	}
	return cursor_padding(cur);
}

static int check_unknown_resets(const struct cursor *cur,
				const struct host_profile *p)
{
	static const uint8_t zeros[KA_REG_SIZE_MAX];
	size_t i;

	for (i = 0; i < p->set.n; i++)
		if (!p->has_reset[i] &&
		    memcmp(p->reset + p->set.offsets[i], zeros,
			   onereg_reg_size(p->set.ids[i])))
			return cursor_error(
				cur, "a value that is not known is not 0");
	return 0;
}

static int read_profile(struct cursor *cur, struct host_profile *p)
{
	int r;

	p->features = cursor_u32(cur);
	r = cursor_zero_u32(cur);
	if (!r)
		r = cursor_regset(cur, &p->set);
	if (r)
		return r;
	if (p->set.n > (size_t)(cur->end - cur->p) / REG_SIZE)
		return cursor_error(cur, "%zu registers do not fit into it",
				    p->set.n);
	r = allocate_profile(p);
	if (!r)
		r = read_reg_facts(cur, p);
	if (!r)
		r = cursor_row(cur, p->set.row_size, &p->reset);
	return r ? r : check_unknown_resets(cur, p);
}

static int read_profiles(const struct container *c, struct onereg_host *host)
{
	struct cursor cur;
	size_t i, n = 0;
	int r;

	cursor_init(&cur, c, FORMAT_PROF);
	r = cursor_count(&cur, "profiles", PROFILE_MIN_SIZE,
			 FORMAT_MAX_PROFILES, &n);
	if (!r)
		r = cursor_zero_u32(&cur);
	if (!r && n) {
		host->profiles = calloc(n, sizeof(*host->profiles));
		if (!host->profiles)
			return -ENOMEM;
		host->n_profiles = n;
	}
	for (i = 0; !r && i < n; i++)
		r = read_profile(&cur, &host->profiles[i]);
	return r ? r : cursor_finish(&cur);
}

static int read_sources(const struct container *c, struct onereg_host *host)
{
	struct cursor cur;
	int r;

	if (!container_has(c, FORMAT_SCOP))
		return 0;
	cursor_init(&cur, c, FORMAT_SCOP);
	for (size_t i = 0; i < host->n_profiles; i++) {
		struct host_profile *p = &host->profiles[i];

		p->source = calloc(p->set.n + 1, 1);
		if (!p->source)
			return -ENOMEM;
		for (size_t k = 0; k < p->set.n; k++)
			p->source[k] = cursor_u8(&cur);
	}
	r = cursor_padding(&cur);
	return r ? r : cursor_finish(&cur);
}

static int read_host(struct container *c, struct onereg_host *host)
{
	struct fault f;
	int r;

	r = container_open(c, host_types, ARRAY_SIZE(host_types), N_NEEDED);
	if (!r)
		r = read_host_origin(c, host);
	if (!r)
		r = read_caps(c, host);
	if (!r)
		r = read_profiles(c, host);
	if (!r)
		r = read_sources(c, host);
	if (r)
		return r;
	r = check_host(host, &f);
	return r == -EBADMSG ? container_fault(c, &f) : r;
}

static int decode(const void *data, size_t size, const char *name,
		  struct onereg_host **ret, struct onereg_report *report)
{
	struct container c = {
		.data = data,
		.size = size,
		.name = name,
		.report = report,
		.kind = FORMAT_KIND_HOST,
	};
	struct onereg_host *host = calloc(1, sizeof(*host));
	int r = host ? read_host(&c, host) : -ENOMEM;

	if (r) {
		onereg_host_free(host);
		return container_result(&c, r);
	}
	*ret = host;
	return 0;
}

int onereg_host_read(const void *data, size_t size, struct onereg_host **ret,
		     struct onereg_report *report)
{
	return decode(data, size, "host description", ret, report);
}

int onereg_host_read_file(const char *path, struct onereg_host **ret,
			  struct onereg_report *report)
{
	void *data;
	size_t size;
	int r;

	r = file_read_all(path, &data, &size, report);
	if (r)
		return r;
	r = decode(data, size, path, ret, report);
	free(data);
	return r;
}
