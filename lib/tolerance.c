/* SPDX-License-Identifier: MIT */
/*
 * Tolerances: differences that are accepted, from a file, each with a reason.
 *
 *	{ "onereg-tolerances": 1,
 *	  "tolerate": [
 *	    { "register": "ID_AA64MMFR1_EL1", "field": "HCX",
 *	      "reason": "of EL2 only, and no guest of ours has one" },
 *	    { "register": "MIDR_EL1", "saved": "0x414fd0c1",
 *	      "host": "0x414fd0b1", "reason": "..." },
 *	    { "register": "PTIMER_CNT", "missing": true, "reason": "...",
 *	      "until": "6.3", "since": "6.4", "source": "guest.c" } ] }
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "known.h"
#include "tolerance.h"

#define VERSION		1
#define MAX_ENTRIES	4096
#define MAX_REASON	256	/* bytes: a finding holds all of it */
#define MAX_SOURCE	128
#define OPERATION	"tolerances"
#define MPIDR		KA_SYS(3, 0, 0, 0, 5)
#define CLASS_OF(id)	((id) & KA_REG_CLASS_MASK)

/* Of an entry; "": it does not say. */
struct known {
	char text[KNOWN_TEXT_MAX];
};

struct onereg_tolerances {
	struct onereg_tolerance *v;
	struct known *known;	/* of each */
	size_t n;
};

/* ---- what may be tolerated ---- */

/*
 * Does a host answer for it, so that a guest could do with another value? What
 * is left is the guest's state, and a guest without its state is broken.
 */
static bool is_hosts(uint64_t id)
{
	const struct family *f = catalogue_find(id);

	if (onereg_reg_size(id) > sizeof(uint64_t) || id == MPIDR ||
	    CLASS_OF(id) == KA_REG_VM)
		return false;
	return id_field_at(id, 0) || CLASS_OF(id) == KA_REG_DEMUX ||
	       f->phase == PHASE_HOST || f->phase == PHASE_VM;
}

/* A vCPU without its general registers, or its vectors, is none. */
static bool may_lack(uint64_t id)
{
	return CLASS_OF(id) != KA_REG_CORE && CLASS_OF(id) != KA_REG_SVE &&
	       CLASS_OF(id) != KA_REG_VM;
}

/* ---- reading ---- */

struct parser {
	struct onereg_tolerances *t;
	struct onereg_report *report;
	size_t i;			/* the entry */
	const char *reg;		/* its register, or NULL so far */
};

static int __attribute__((format(printf, 3, 4)))
bad(const struct parser *p, const char *key, const char *fmt, ...)
{
	char name[96], why[224];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (p->reg)
		snprintf(name, sizeof(name), "tolerate[%zu] (%.40s)%s%s", p->i,
			 p->reg, *key ? "." : "", key);
	else
		snprintf(name, sizeof(name), "tolerate[%zu]%s%s", p->i,
			 *key ? "." : "", key);
	return json_bad(p->report, OPERATION, name, "%s", why);
}

static int refuse_unknown_keys(const struct parser *p, json_t *entry)
{
	static const char *const known[] = { "register", "field", "missing",
					     "saved", "host", "reason",
					     "until", "since", "source" };
	const char *key;
	json_t *value;

	json_object_foreach(entry, key, value) {
		size_t k = 0;

		while (k < ARRAY_SIZE(known) && strcmp(key, known[k]))
			k++;
		if (k == ARRAY_SIZE(known))
			return bad(p, "", "there is no \"%.40s\" in an entry",
				   key);
	}
	return 0;
}

static int parse_register(struct parser *p, const json_t *entry,
			  struct onereg_tolerance *ret)
{
	const char *name =
		json_string_value(json_object_get(entry, "register"));

	if (!name)
		return bad(p, "register", "missing, or not a string");
	p->reg = name;
	if (onereg_reg_find(name, &ret->id))
		return bad(p, "register", "no register is called that");
	return 0;
}

static int parse_field(const struct parser *p, const json_t *entry,
		       struct onereg_tolerance *ret)
{
	const json_t *field = json_object_get(entry, "field");
	const char *name = json_string_value(field);

	if (!field)
		return 0;
	if (!name)
		return bad(p, "field", "not a string");
	for (size_t i = 0; (ret->field = onereg_reg_field(ret->id, i)); i++)
		if (!strcmp(ret->field->name, name))
			return 0;
	return bad(p, "field", "the register has no field %.40s", name);
}

static int parse_value(const struct parser *p, const json_t *entry,
		       const char *key, bool *ret_has, uint64_t *ret)
{
	const json_t *value = json_object_get(entry, key);
	const char *text = json_string_value(value);
	size_t n;

	if (!value)
		return 0;
	n = text && !strncmp(text, "0x", 2) ?
		    strspn(text + 2, "0123456789abcdefABCDEF") :
		    0;
	if (!n || n > 16 || text[2 + n])
		return bad(p, key, "not \"0x\" and 1 to 16 hex digits");
	*ret_has = true;
	*ret = strtoull(text, NULL, 16);
	return 0;
}

static int parse_missing(const struct parser *p, const json_t *entry,
			 struct onereg_tolerance *ret)
{
	const json_t *missing = json_object_get(entry, "missing");

	if (!missing)
		return 0;
	if (!json_is_boolean(missing))
		return bad(p, "missing", "neither true nor false");
	ret->missing = json_is_true(missing);
	if (ret->missing && (ret->field || ret->has_saved || ret->has_host))
		return bad(p, "missing",
			   "a register that is not there has no field or "
			   "value");
	return 0;
}

/* Printable, as it stands in reports. */
static int check_text(const struct parser *p, const char *key,
		      const char *text, size_t max)
{
	if (strlen(text) > max)
		return bad(p, key, "longer than %zu bytes", max);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return bad(p, key, "has a control character");
	return 0;
}

/* The change that it is about, as a row of known.c: all three or none. */
static int parse_known(const struct parser *p, const json_t *entry,
		       struct known *ret)
{
	static const char *const keys[] = { "until", "since", "source" };
	const char *text[ARRAY_SIZE(keys)];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && !r; i++) {
		text[i] = json_string_value(json_object_get(entry, keys[i]));
		n += json_object_get(entry, keys[i]) != NULL;
		if (text[i])
			r = check_text(p, keys[i], text[i], MAX_SOURCE);
		else if (json_object_get(entry, keys[i]))
			r = bad(p, keys[i], "not a string");
	}
	if (!r && n && n < ARRAY_SIZE(keys))
		return bad(p, "since",
			   "a change has \"until\", \"since\" and "
			   "\"source\": the last kernel before it, the first "
			   "with it, and how that is known");
	if (!r && n)
		snprintf(ret->text, sizeof(ret->text),
			 "between Linux %s and %s [%s]", text[0], text[1],
			 text[2]);
	return r;
}

static int parse_reason(const struct parser *p, const json_t *entry,
			struct onereg_tolerance *ret)
{
	const char *text = json_string_value(json_object_get(entry, "reason"));
	char *copy;
	int r;

	if (!text || !text[strspn(text, " \t")])
		return bad(p, "reason",
			   "missing or empty: say why this may be");
	r = check_text(p, "reason", text, MAX_REASON);
	if (r)
		return r;
	copy = malloc(strlen(text) + 1);
	if (!copy) {
		report_error(p->report, ENOMEM, NULL, OPERATION, "no memory");
		return -ENOMEM;
	}
	ret->reason = strcpy(copy, text);
	return 0;
}

static int refuse_state(const struct parser *p,
			const struct onereg_tolerance *t)
{
	if (t->missing ? may_lack(t->id) : is_hosts(t->id))
		return 0;
	return bad(p, "register",
		   t->missing ? "a vCPU without it is none" :
				"it is state of the guest, which would be "
				"corrupt with another value");
}

static int parse_entry(struct parser *p, json_t *entry)
{
	struct onereg_tolerance *t = &p->t->v[p->t->n];
	int r;

	p->reg = NULL;
	if (!json_is_object(entry))
		return bad(p, "", "not an object");
	*t = (struct onereg_tolerance){ .size = sizeof(*t) };
	r = parse_register(p, entry, t);
	if (!r)
		r = refuse_unknown_keys(p, entry);
	if (!r)
		r = parse_field(p, entry, t);
	if (!r)
		r = parse_value(p, entry, "saved", &t->has_saved, &t->saved);
	if (!r)
		r = parse_value(p, entry, "host", &t->has_host, &t->host);
	if (!r)
		r = parse_missing(p, entry, t);
	if (!r)
		r = refuse_state(p, t);
	if (!r)
		r = parse_known(p, entry, &p->t->known[p->t->n]);
	if (!r)
		r = parse_reason(p, entry, t);
	p->t->n += !r;
	return r;
}

static int parse_version(const json_t *root, struct onereg_report *report)
{
	const json_t *version = json_object_get(root, "onereg-tolerances");

	if (!json_is_integer(version))
		return json_bad(report, OPERATION, "onereg-tolerances",
				"missing, or not a number: not a file of "
				"tolerances");
	if (json_integer_value(version) == VERSION)
		return 0;
	report_error(report, EPROTO, OPERATION, "onereg-tolerances",
		     "version %lld, and this onereg reads %d",
		     (long long)json_integer_value(version), VERSION);
	return -EPROTO;
}

static int parse_root(struct parser *p, json_t *root)
{
	json_t *list = json_object_get(root, "tolerate"), *value;
	const char *key;
	int r = parse_version(root, p->report);

	if (r)
		return r;
	json_object_foreach(root, key, value)
		if (strcmp(key, "onereg-tolerances") &&
		    strcmp(key, "tolerate"))
			return json_bad(p->report, OPERATION, key,
					"there is no such part in a file of "
					"tolerances");
	if (!json_is_array(list) || json_array_size(list) > MAX_ENTRIES)
		return json_bad(p->report, OPERATION, "tolerate",
				"missing, not an array, or of more than %d "
				"entries", MAX_ENTRIES);
	p->t->v = calloc(json_array_size(list) + 1, sizeof(*p->t->v));
	p->t->known = calloc(json_array_size(list) + 1, sizeof(*p->t->known));
	if (!p->t->v || !p->t->known) {
		report_error(p->report, ENOMEM, NULL, OPERATION, "no memory");
		return -ENOMEM;
	}
	for (p->i = 0; p->i < json_array_size(list) && !r; p->i++)
		r = parse_entry(p, json_array_get(list, p->i));
	return r;
}

int onereg_tolerances_read(const void *json, size_t size,
			   struct onereg_tolerances **ret,
			   struct onereg_report *report)
{
	struct parser p = { .report = report };
	json_t *root;
	int r = json_parse(json, size, OPERATION, &root, report);

	if (r)
		return r;
	p.t = calloc(1, sizeof(*p.t));
	if (!p.t) {
		report_error(report, ENOMEM, NULL, OPERATION, "no memory");
		r = -ENOMEM;
	} else {
		r = parse_root(&p, root);
	}
	json_decref(root);
	if (r)
		onereg_tolerances_free(p.t);
	else
		*ret = p.t;
	return r;
}

int onereg_tolerances_read_file(const char *path,
				struct onereg_tolerances **ret,
				struct onereg_report *report)
{
	size_t size;
	void *data;
	int r = file_read_all(path, &data, &size, report);

	if (r)
		return r;
	r = onereg_tolerances_read(data, size, ret, report);
	free(data);
	return r;
}

void onereg_tolerances_free(struct onereg_tolerances *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free((char *)(uintptr_t)t->v[i].reason);
	free(t->v);
	free(t->known);
	free(t);
}

int onereg_tolerances_get(const struct onereg_tolerances *t, size_t i,
			  struct onereg_tolerance *ret)
{
	size_t size = ret->size;

	if (size < sizeof(size))
		return -EINVAL;
	if (i >= t->n)
		return -ENOENT;
	memcpy(ret, &t->v[i], size < sizeof(*ret) ? size : sizeof(*ret));
	ret->size = size;
	return 0;
}

/* ---- using them ---- */

void onereg_image_tolerate(struct onereg_image *image,
			   const struct onereg_tolerances *t)
{
	image->tolerances = t;
}

static uint64_t bits_of(const struct onereg_tolerance *t)
{
	const struct onereg_field *f = t->field;

	if (!f || f->width == 64)
		return ~0ULL;
	return ((1ULL << f->width) - 1) << f->lsb;
}

static bool applies(const struct onereg_tolerance *t, uint64_t saved,
		    uint64_t host)
{
	unsigned int lsb = t->field ? t->field->lsb : 0;
	uint64_t bits = bits_of(t);

	return (!t->has_saved || (saved & bits) >> lsb == t->saved) &&
	       (!t->has_host || (host & bits) >> lsb == t->host);
}

uint64_t tolerated_bits(const struct onereg_tolerances *t, uint64_t id,
			uint64_t saved, uint64_t host,
			const char **ret_reason)
{
	const char *reason = NULL;
	uint64_t bits = 0;

	for (size_t i = 0; t && i < t->n; i++) {
		const struct onereg_tolerance *e = &t->v[i];

		if (e->id != id || e->missing || !applies(e, saved, host))
			continue;
		if (!reason && (saved ^ host) & bits_of(e))
			reason = e->reason;
		bits |= bits_of(e);
	}
	if (!reason)
		return 0;
	*ret_reason = reason;
	return bits;
}

const char *tolerated_missing(const struct onereg_tolerances *t, uint64_t id)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (t->v[i].id == id && t->v[i].missing)
			return t->v[i].reason;
	return NULL;
}

const char *tolerated_known(const struct onereg_tolerances *t,
			    const char *reason)
{
	for (size_t i = 0; t && i < t->n; i++)
		if (t->v[i].reason == reason)
			return *t->known[i].text ? t->known[i].text : NULL;
	return NULL;
}

/* Of the VM, or of this vCPU. */
static bool was_told(const struct onereg_report *report, int vcpu, uint64_t id)
{
	const struct onereg_finding *f;

	for (size_t i = 0; (f = onereg_report_get(report, i)); i++)
		if (f->class_ == ONEREG_CLASS_TOLERATED && f->id == id &&
		    f->space == ONEREG_SPACE_REG &&
		    (f->vcpu < 0 || f->vcpu == vcpu))
			return true;
	return false;
}

void tolerated_tell(struct onereg_report *report, int vcpu, uint64_t id,
		    const void *a, const void *b, const char *reason)
{
	char why[MAX_REASON + 64];

	if (!report || was_told(report, vcpu, id))
		return;
	snprintf(why, sizeof(why), "tolerated: %s", reason);
	report_add(report,
		   &(struct onereg_finding){
			   .severity = ONEREG_CARE,
			   .class_ = ONEREG_CLASS_TOLERATED,
			   .space = ONEREG_SPACE_REG,
			   .vcpu = vcpu,
			   .id = id,
			   .a = a,
			   .b = b,
			   .value_size = onereg_reg_size(id),
			   .why = why,
			   .todo = b ? "the guest is shown the host's value" :
				       "the host does not have the register",
		   });
}
