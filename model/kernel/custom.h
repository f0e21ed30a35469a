/* SPDX-License-Identifier: MIT */
/*
 * Custom: what behaves as in the kernel, made of what userspace has. Accesses
 * that the kernel marks are atomic, no stronger than there, so that a thread
 * sanitizer sees the order that the kernel file asks for and no other.
 */
#ifndef ONEREG_MODEL_KERNEL_CUSTOM_H
#define ONEREG_MODEL_KERNEL_CUSTOM_H

/* ---- memory ---- */

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

static inline bool test_bit(unsigned int nr, const unsigned long *addr)
{
	return READ_ONCE(addr[nr / 64]) >> nr % 64 & 1;
}

static inline bool test_bit_acquire(unsigned int nr, const unsigned long *addr)
{
	return smp_load_acquire(&addr[nr / 64]) >> nr % 64 & 1;
}

/* Stronger than the kernel's: for test_bit_acquire() only. */
static inline void set_bit(unsigned int nr, unsigned long *addr)
{
	__atomic_fetch_or(&addr[nr / 64], 1UL << nr % 64, __ATOMIC_RELEASE);
}

static inline bool test_and_clear_bit(unsigned int nr, unsigned long *addr)
{
	unsigned long bit = 1UL << nr % 64;

	return __atomic_fetch_and(&addr[nr / 64], ~bit, __ATOMIC_ACQ_REL) &
	       bit;
}

/* ---- mutex.c ---- */

/* Ends the program: where, and what is wrong. */
void kernel_bug(const char *file, int line, const char *what)
	__attribute__((noreturn));

#define WARN_ON_ONCE(condition)                                     \
	({                                                          \
		bool warn_ = (condition);                           \
								    \
		if (warn_)                                          \
			kernel_bug(__FILE__, __LINE__, #condition); \
		warn_;                                              \
	})

struct mutex {
	pthread_mutex_t os;
	const void *owner;	/* an address that only this thread has */
};

void mutex_init(struct mutex *lock);
void mutex_destroy(struct mutex *lock);
void mutex_lock(struct mutex *lock);
bool mutex_trylock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);
bool mutex_is_mine(const struct mutex *lock);

#define lockdep_assert_held(lock)                                       \
	do {                                                            \
		if (!mutex_is_mine(lock))                               \
			kernel_bug(__FILE__, __LINE__,                  \
				   "this thread does not hold " #lock); \
	} while (0)

/* ---- uaccess.c ---- */

/* The bytes that were not copied, all or nothing: 0 or n. */
unsigned long copy_from_user(void *to, const void __user *from,
			     unsigned long n);
unsigned long copy_to_user(void __user *to, const void *from,
			   unsigned long n);

#define get_user(x, ptr)                                                   \
	({                                                                 \
		__typeof__(*(ptr)) user_;                                  \
		int fault_ = 0;                                            \
									   \
		if (copy_from_user(&user_, (ptr), sizeof(user_)))          \
			fault_ = -EFAULT;                                  \
		else                                                       \
			(x) = user_;                                       \
		fault_;                                                    \
	})

#define put_user(x, ptr)                                                 \
	({                                                               \
		__typeof__(*(ptr)) user_ = (x);                          \
									 \
		copy_to_user((ptr), &user_, sizeof(user_)) ? -EFAULT : 0; \
	})

/* ---- task.c ---- */

struct model;

/* A thread inside an ioctl of the model. */
struct task_struct {
	struct model *machine;	/* whose ioctl it is */
	int fd;
	bool holds_signals;	/* until the ioctl ends, as a kernel does */
	sigset_t mask;		/* the thread's own meanwhile */
};

extern _Thread_local struct task_struct current_task;

#define current (&current_task)

void task_hold_signals(void);
void task_release_signals(void);
/* Did a signal arrive that was held and does something? */
bool signal_pending(const struct task_struct *task);

#endif
