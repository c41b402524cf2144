// Who runs, under which name, in which address space, as the stream tells it:
//
//   FORK(200:200):(100:100)    a new process: a copy of its parent's space        FORK(100:101):(100:100)  a new thread
//   COMM exec: ls:200/200      a new program: a new space                         EXIT(200:200):(100:100)
//
// EXIT comes before the last samples of its task (the kernel says it early in do_exit), so tasks are forgotten later.
import { AddressSpace } from './address-space.ts'

export interface Process {
  readonly pid: number
  /** Name of its main thread, the latest. */
  comm: string
  readonly space: AddressSpace
  /** Threads that were not forgotten. */
  threads: number
}

/** A thread under one name; a new name makes a new task, so samples may refer to it. */
export interface Task {
  readonly tid: number
  readonly comm: string
  readonly process: Process
  /** Row in the batch of samples numbered `batch`. */
  row: number
  batch: number
}

/** How long a task outlives its EXIT: last samples come within microseconds, those of other CPUs within a round. */
const graceNs = 5e9

/** Exited tasks that wait to be forgotten. */
interface Exit {
  readonly timeNs: number
  readonly task: Task
}

export class Tasks {
  private readonly tasks = new Map<number, Task>()
  private readonly processes = new Map<number, Process>()
  private exits: Exit[] = []

  /** Tasks that are known now. */
  get count(): number {
    return this.tasks.size
  }

  *spaces(): Generator<AddressSpace> {
    for (const process of this.processes.values()) yield process.space
  }

  /** The thread of a sample. One that nothing was told of is named as perf names it. */
  taskOf(pid: number, tid: number): Task {
    const task = this.tasks.get(tid)
    if (task !== undefined && task.process.pid === pid) return task
    return this.start(tid, tid === 0 ? 'swapper' : `:${tid}`, this.processOf(pid))
  }

  spaceOf(pid: number): AddressSpace {
    return this.processOf(pid).space
  }

  setComm(pid: number, tid: number, comm: string, isExec: boolean): void {
    let process = this.processOf(pid)
    if (isExec) process = this.startProcess(pid, comm, new AddressSpace(process.space))
    else if (pid === tid) process.comm = comm
    this.start(tid, comm, process)
  }

  /** @param inherits false for processes that ran before the recording: perf lists their mappings itself */
  fork(child: { pid: number; tid: number }, parent: { pid: number; tid: number }, inherits: boolean): void {
    const { comm, process } = this.taskOf(parent.pid, parent.tid)
    if (child.pid === parent.pid) {
      this.start(child.tid, comm, process)
      return
    }
    const space = inherits ? process.space.fork() : new AddressSpace()
    this.start(child.tid, comm, this.startProcess(child.pid, comm, space))
  }

  exit(tid: number, timeNs: number): void {
    const task = this.tasks.get(tid)
    if (task) this.exits.push({ timeNs, task })
  }

  /** Forgets tasks that exited long enough before this moment. */
  forgetExited(nowNs: number): void {
    let done = 0
    for (; done < this.exits.length; done++) {
      const { timeNs, task } = this.exits[done] as Exit
      if (timeNs + graceNs > nowNs) break
      // The number may have been given to a new task meanwhile.
      if (this.tasks.get(task.tid) === task) this.stop(task)
    }
    if (done > 0) this.exits = this.exits.slice(done)
  }

  private processOf(pid: number): Process {
    return this.processes.get(pid) ?? this.startProcess(pid, pid === 0 ? 'swapper' : `:${pid}`, new AddressSpace())
  }

  private startProcess(pid: number, comm: string, space: AddressSpace): Process {
    const process: Process = { pid, comm, space, threads: 0 }
    this.processes.set(pid, process)
    return process
  }

  private start(tid: number, comm: string, process: Process): Task {
    const old = this.tasks.get(tid)
    if (old) this.stop(old)
    // stop() may have taken the process with its only thread.
    this.processes.set(process.pid, process)
    const task: Task = { tid, comm, process, row: 0, batch: -1 }
    this.tasks.set(tid, task)
    process.threads++
    return task
  }

  private stop(task: Task): void {
    const { process } = task
    this.tasks.delete(task.tid)
    process.threads--
    if (process.threads === 0 && this.processes.get(process.pid) === process) this.processes.delete(process.pid)
  }
}
