// SPDX-License-Identifier: MIT
#include <string.h>

#include "msi_json.h"

json_t *msi_json(const struct msi_state *s)
{
	json_t *sent = json_array(), *waiting = json_array();

	for (unsigned int i = 0; i < s->n_events; i++) {
		json_array_append_new(sent, json_integer(s->sent[i]));
		json_array_append_new(waiting, json_boolean(s->waiting[i]));
	}
	return json_pack("{s:[I,I] s:I s:b s:o s:o}", "doorbell",
			 (json_int_t)s->doorbell[0],
			 (json_int_t)s->doorbell[1], "first",
			 (json_int_t)s->first, "enabled", (int)s->enabled,
			 "sent", sent, "waiting", waiting);
}

static int parse_u32(json_t *value, uint32_t *ret)
{
	json_int_t n = json_integer_value(value);

	*ret = n;
	return json_is_integer(value) && n >= 0 && n <= UINT32_MAX ? 0 : -1;
}

static int parse_events(json_t *sent, json_t *waiting, struct msi_state *ret)
{
	ret->n_events = json_array_size(sent);
	if (ret->n_events > MSI_EVENTS ||
	    json_array_size(waiting) != ret->n_events)
		return -1;
	for (unsigned int i = 0; i < ret->n_events; i++) {
		json_t *waits = json_array_get(waiting, i);

		if (!json_is_boolean(waits) ||
		    parse_u32(json_array_get(sent, i), &ret->sent[i]))
			return -1;
		ret->waiting[i] = json_is_true(waits);
	}
	return 0;
}

int msi_parse(json_t *object, struct msi_state *ret)
{
	json_t *doorbell[2], *first, *sent, *waiting;
	int enabled;

	memset(ret, 0, sizeof(*ret));
	if (json_unpack(object, "{s:[o,o!] s:o s:b s:o s:o}", "doorbell",
			&doorbell[0], &doorbell[1], "first", &first, "enabled",
			&enabled, "sent", &sent, "waiting", &waiting) < 0)
		return -1;
	ret->enabled = enabled;
	if (parse_u32(doorbell[0], &ret->doorbell[0]) ||
	    parse_u32(doorbell[1], &ret->doorbell[1]) ||
	    parse_u32(first, &ret->first) || !json_is_array(sent) ||
	    !json_is_array(waiting))
		return -1;
	return parse_events(sent, waiting, ret);
}
