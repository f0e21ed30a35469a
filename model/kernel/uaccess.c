// SPDX-License-Identifier: MIT
/*
 * Memory of the caller of an ioctl, which may not be there. As in a kernel
 * the copy just runs, and the handler of its fault knows the way out: signal
 * handlers for SIGSEGV and SIGBUS, which pass on what is not ours.
 */
#include <setjmp.h>
#include <string.h>

#include "vm_regs.h"

#define USER_FIRST	65536UL		/* nothing is mapped below, as a rule */
#ifdef __x86_64__
#define USER_END	(1UL << 47)	/* beyond the largest user address */
#else
#define USER_END	(1UL << 48)
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#endif

#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Where to go on if this thread's copy faults; NULL: it is not copying. */
static _Thread_local sigjmp_buf *volatile fixup;

static struct sigaction older[2];
static const int fault_signals[] = { SIGSEGV, SIGBUS };

static void pass_on(int sig, siginfo_t *info, void *context)
{
	const struct sigaction *old = &older[sig == SIGBUS];

	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	} else {
		/* Faults again, and then for good. */
		sigaction(sig, old, NULL);
	}
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (fixup)
		siglongjmp(*fixup, 1);
	pass_on(sig, info, context);
}

static void install(void)
{
	struct sigaction sa = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK,
	};

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(fault_signals); i++)
		sigaction(fault_signals[i], &sa, &older[i]);
}

/*
 * Sanitizers would look at memory that is not there. Inlined, its pointers
 * would be the caller's, who comes back by a jump.
 */
__attribute__((noinline, no_sanitize("address", "thread", "undefined")))
static void copy_bytes(volatile char *to, const volatile char *from,
		       unsigned long n)
{
	while (n--)
		*to++ = *from++;
}

static bool guarded_copy(void *to, const void *from, unsigned long n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sigjmp_buf env;

	pthread_once(&once, install);
	if (sigsetjmp(env, 0)) {
		fixup = NULL;
		return false;
	}
	fixup = &env;
	copy_bytes(to, from, n);
	fixup = NULL;
	return true;
}

static bool in_range(uintptr_t at, unsigned long n)
{
	return at >= USER_FIRST && at < USER_END && n <= USER_END - at;
}

/* Memory that is there and that the address sanitizer objects to. */
static bool is_poisoned(const void *user, unsigned long n)
{
#ifdef HAS_ASAN
	char byte;

	return __asan_region_is_poisoned((void *)user, n) &&
	       guarded_copy(&byte, user, 1);
#else
	(void)user;
	(void)n;
	return false;
#endif
}

unsigned long copy_from_user(void *to, const void __user *from,
			     unsigned long n)
{
	if (!n)
		return 0;
	if (!in_range((uintptr_t)from, n))
		return n;
	/* Let it object. */
	if (is_poisoned(from, n))
		memcpy(to, from, n);
	return guarded_copy(to, from, n) ? 0 : n;
}

unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
	if (!n)
		return 0;
	if (!in_range((uintptr_t)to, n))
		return n;
	if (is_poisoned(to, n))
		memcpy(to, from, n);
	return guarded_copy(to, from, n) ? 0 : n;
}
