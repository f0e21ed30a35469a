/* SPDX-License-Identifier: MIT */
/*
 * Criterion's test processes end without looking for leaks. Suites that are
 * declared with LEAK_CHECKED(name) do it after each test and abort on one,
 * which the program's exit status shows.
 */
#ifndef ONEREG_TESTS_LEAKS_H
#define ONEREG_TESTS_LEAKS_H

void check_leaks(void);

#define LEAK_CHECKED(name) TestSuite(name, .fini = check_leaks)

#endif
