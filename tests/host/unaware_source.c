// SPDX-License-Identifier: MIT
/*
 * A VM that is full of state, each vCPU of its own, and its image; and what
 * each vCPU reads of it, without the library.
 *
 *	unaware-source VCPUS IMAGE DUMP
 */
#include <stdio.h>
#include <stdlib.h>

#include "suite.h"
#include "unaware_dump.h"

static uint32_t offered(const struct onereg_io *io)
{
	struct onereg_describe_options o = { .size = sizeof(o), .io = io };
	struct onereg_host *host;
	uint32_t features = 0;

	if (onereg_host_describe(&o, &host, NULL))
		return 0;
	features = onereg_host_profile_features(
		host, onereg_host_n_profiles(host) - 1);
	onereg_host_free(host);
	return features;
}

int main(int argc, char **argv)
{
	static struct onereg_io io;
	static struct test t;
	struct pair p;
	int rc = 1;

	if (argc != 4 || io_complete(&io, NULL))
		return 2;
	t = (struct test){ .src = { .io = &io }, .dst = { .io = &io } };
	t.features = offered(&io);
	if (pair_source(&t, &p,
			&(struct shape){ .features = t.features,
					 .n_vcpus = (size_t)atoi(argv[1]),
					 .gic = true },
			4711) &&
	    !unaware_dump(argv[3], p.src.vcpu_fds, p.src.shape.n_vcpus) &&
	    pair_save(&t, &p))
		rc = onereg_image_write_file(p.image, argv[2], NULL) ? 1 : 0;
	printf("features 0x%x\n%s", t.features, t.log);
	pair_close(&p);
	return rc || t.failed;
}
