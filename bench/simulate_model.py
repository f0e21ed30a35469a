# SPDX-License-Identifier: MIT
"""
Threads on CPUs that share one mutex, as a discrete-event simulation.

Jobs (vCPUs) are dealt out to threads in turn. A job is a list of segments
(outside, held): time for itself, then time under the lock; a segment without
the lock has held 0. All times are nanoseconds.

The mutex is Linux's: who finds it taken spins, which keeps its CPU, while
nobody else wants that CPU; else it sleeps when its time slice is over. Spinners
are served in their order of arrival, before sleepers.
"""
from collections import deque
from dataclasses import dataclass

from SimPy.Simulation import Process, Simulation, hold, passivate


@dataclass
class Params:
    """What the costs of calls do not say; docs/contention.md has sources."""
    transfer: float = 300   # the lock was last held on another CPU
    start: float = 0        # waking one more thread, one after the other
    switch: float = 2000    # a CPU goes on with another thread
    wake: float = 3000      # from unlock until a sleeper is ready to run
    slice: float = 3000000  # a thread keeps its CPU at least so long


@dataclass
class Result:
    time: float = 0         # when the last thread is done
    acquisitions: int = 0
    contended: int = 0      # of these, found the lock taken
    waited: float = 0       # all threads together
    sleeps: int = 0


class Cpus:
    def __init__(self, n):
        self.free = n
        self.queue = deque()


class Mutex:
    def __init__(self):
        self.owner = None
        self.last = None
        self.spinners = deque()
        self.sleepers = deque()


class Thread(Process):
    def __init__(self, world, jobs):
        super().__init__(sim=world.sim)
        self.world = world
        self.jobs = jobs
        self.got_cpu = 0

    def run(self):
        yield from self.get_cpu(0)
        for segments in self.jobs:
            for outside, held in segments:
                if self.slice_left() <= 0 and self.world.cpus.queue:
                    self.put_cpu()
                    yield from self.get_cpu(self.world.params.switch)
                if outside:
                    yield hold, self, outside
                if held:
                    yield from self.lock()
                    yield hold, self, held
                    self.unlock()
        self.put_cpu()
        self.world.result.time = max(self.world.result.time, self.sim.now())

    # ---- CPUs ----

    def slice_left(self):
        return self.got_cpu + self.world.params.slice - self.sim.now()

    def get_cpu(self, cost):
        cpus = self.world.cpus
        if cpus.free:
            cpus.free -= 1
        else:
            cpus.queue.append(self)
            yield passivate, self
            cost = self.world.params.switch
        if cost:
            yield hold, self, cost
        self.got_cpu = self.sim.now()

    def put_cpu(self):
        cpus = self.world.cpus
        if cpus.queue:
            self.sim.reactivate(cpus.queue.popleft())
        else:
            cpus.free += 1

    # ---- the mutex ----

    def lock(self):
        mutex, result = self.world.mutex, self.world.result
        result.acquisitions += 1
        if mutex.owner is None and not mutex.spinners:
            mutex.owner = self
        else:
            begin = self.sim.now()
            result.contended += 1
            mutex.spinners.append(self)
            while mutex.owner is not self:
                yield from self.spin()
            result.waited += self.sim.now() - begin
        # The lock and what it guards come from the other CPU's cache.
        if mutex.last not in (self, None):
            yield hold, self, self.world.params.transfer
        mutex.last = self

    def spin(self):
        if self.world.enough:
            yield passivate, self
            return
        yield hold, self, max(self.slice_left(), 1)
        mutex = self.world.mutex
        if mutex.owner is self:
            return
        if not self.world.cpus.queue:
            self.got_cpu = self.sim.now()
            return
        mutex.spinners.remove(self)
        mutex.sleepers.append(self)
        self.world.result.sleeps += 1
        self.put_cpu()
        yield passivate, self
        yield from self.get_cpu(self.world.params.switch)
        if mutex.owner is None:
            mutex.owner = self
        else:
            mutex.spinners.appendleft(self)

    def unlock(self):
        mutex = self.world.mutex
        mutex.owner = None
        if mutex.spinners:
            mutex.owner = mutex.spinners.popleft()
            self.sim.reactivate(mutex.owner)
        elif mutex.sleepers:
            self.sim.reactivate(mutex.sleepers.popleft(),
                                delay=self.world.params.wake)


class World:
    def __init__(self, threads, cpus, params):
        self.sim = Simulation()
        self.sim.initialize()
        self.cpus = Cpus(cpus)
        self.enough = cpus >= threads
        self.mutex = Mutex()
        self.params = params
        self.result = Result()


def merge(segments):
    """The same with fewer events: what needs no lock goes with what follows."""
    merged, outside = [], 0
    for own, held in segments:
        outside += own
        if held:
            merged.append((outside, held))
            outside = 0
    if outside:
        merged.append((outside, 0))
    return merged


def simulate(jobs, threads, cpus, params):
    """jobs: a list of lists of segments. Returns a Result."""
    if threads < 1 or cpus < 1:
        raise ValueError("there is at least one thread and one CPU")
    world = World(threads, cpus, params)
    for i in range(threads):
        thread = Thread(world, jobs[i::threads])
        # The first is the one that wakes the others.
        world.sim.activate(thread, thread.run(), at=i * params.start)
    world.sim.simulate(until=float("inf"))
    return world.result
