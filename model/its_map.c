// SPDX-License-Identifier: MIT
/* What an ITS has mapped: devices, their events, collections. */
#include "its.h"

struct its_device *its_device(struct its *its, uint32_t id)
{
	for (size_t i = 0; i < its->n_devices; i++)
		if (its->devices[i].id == id)
			return &its->devices[i];
	return NULL;
}

static struct its_event *event_of(struct its_device *device, uint32_t id)
{
	for (size_t i = 0; i < device->n_events; i++)
		if (device->events[i].id == id)
			return &device->events[i];
	return NULL;
}

struct its_event *its_event(struct its *its, uint32_t device, uint32_t id)
{
	struct its_device *d = its_device(its, device);

	return d ? event_of(d, id) : NULL;
}

struct its_collection *its_collection(struct its *its, int32_t icid)
{
	for (size_t i = 0; i < its->n_collections; i++)
		if ((int32_t)its->collections[i].icid == icid)
			return &its->collections[i];
	return NULL;
}

struct vcpu *its_vcpu_by_id(struct vm *vm, uint64_t id)
{
	for (size_t i = 0; i < vm_n_vcpus(vm); i++)
		if ((uint64_t)vm->vcpus[i]->k.vcpu_id == id)
			return vm->vcpus[i];
	return NULL;
}

struct vcpu *its_target(struct its *its, int32_t icid)
{
	const struct its_collection *c = its_collection(its, icid);

	return c && c->target != NO_VCPU ? its_vcpu_by_id(its->vm, c->target) :
					   NULL;
}

/* ---- adding ---- */

int its_add_device(struct its *its, const struct its_device *device)
{
	struct its_device *v = realloc(its->devices,
				       (its->n_devices + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	its->devices = v;
	v[its->n_devices++] = *device;
	return 0;
}

int its_add_collection(struct its *its, uint32_t icid, uint32_t target)
{
	struct its_collection *v = realloc(its->collections,
					   (its->n_collections + 1) *
						   sizeof(*v));

	if (!v)
		return -ENOMEM;
	its->collections = v;
	v[its->n_collections++] = (struct its_collection){ icid, target };
	return 0;
}

int its_add_event(struct its *its, struct its_device *device, uint32_t id,
		  uint32_t icid, uint32_t intid)
{
	struct its_event *v = realloc(device->events,
				      (device->n_events + 1) * sizeof(*v));
	struct lpi *lpi;
	int ret;

	if (!v)
		return -ENOMEM;
	device->events = v;
	ret = lpi_get(its->vm, intid, its_target(its, icid), &lpi);
	if (ret)
		return ret;
	v[device->n_events++] = (struct its_event){ .id = id, .icid = icid,
						    .lpi = lpi };
	return 0;
}

/* ---- removing ---- */

void its_invalidate(struct its *its)
{
	for (size_t i = 0; i < its->n_devices; i++)
		for (size_t j = 0; j < its->devices[i].n_events; j++)
			its->devices[i].events[j].cached = false;
}

void its_remove_event(struct its *its, struct its_device *device,
		      struct its_event *event)
{
	lpi_put(its->vm, event->lpi);
	device->n_events--;
	memmove(event, event + 1,
		(size_t)(&device->events[device->n_events] - event) *
			sizeof(*event));
}

void its_remove_device(struct its *its, struct its_device *device)
{
	for (size_t i = 0; i < device->n_events; i++)
		lpi_put(its->vm, device->events[i].lpi);
	free(device->events);
	its->n_devices--;
	memmove(device, device + 1,
		(size_t)(&its->devices[its->n_devices] - device) *
			sizeof(*device));
	its_invalidate(its);
}

/* Its events stay, and belong to none, even if it is mapped again. */
void its_remove_collection(struct its *its, uint32_t icid)
{
	struct its_collection *c = its_collection(its, icid);

	if (!c)
		return;
	for (size_t i = 0; i < its->n_devices; i++) {
		struct its_device *d = &its->devices[i];

		for (size_t j = 0; j < d->n_events; j++)
			if (d->events[j].icid == (int32_t)icid)
				d->events[j].icid = NO_COLLECTION;
	}
	its->n_collections--;
	memmove(c, c + 1,
		(size_t)(&its->collections[its->n_collections] - c) *
			sizeof(*c));
}

void its_remove_devices(struct its *its)
{
	while (its->n_devices)
		its_remove_device(its, &its->devices[its->n_devices - 1]);
}

void its_remove_collections(struct its *its)
{
	while (its->n_collections)
		its_remove_collection(its, its->collections->icid);
}

/* ---- in the order of ids ---- */

static int compare_devices(const void *a, const void *b)
{
	const struct its_device *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int compare_events(const void *a, const void *b)
{
	const struct its_event *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

void its_sort(struct its *its)
{
	if (its->n_devices)
		qsort(its->devices, its->n_devices, sizeof(*its->devices),
		      compare_devices);
	for (size_t i = 0; i < its->n_devices; i++)
		if (its->devices[i].n_events)
			qsort(its->devices[i].events, its->devices[i].n_events,
			      sizeof(*its->devices[i].events), compare_events);
}
