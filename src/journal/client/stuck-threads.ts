import process from 'node:process'
import { clock } from '../../clock.ts'
import { pause } from '../files/pause.ts'

/** The time in ms that a thread has to answer when the process ends. */
const longestAnswer = 1000
/** The signals by their exit codes. */
const signals: Readonly<Record<number, NodeJS.Signals>> = { 130: 'SIGINT', 143: 'SIGTERM' }

/** A thread that may be stuck in a call of the system. */
interface AskedThread {
  /** Has the thread set the first number to 1, and notify those who wait for it. */
  ask(answer: Int32Array): void
}

/**
 * The threads of a process that is about to end. Node waits for its threads, also for one that waits for a disk which stands still, so the
 * end would take as long. Such a process ends itself by a signal.
 */
const threads = new Set<AskedThread>()

export function addThread(thread: AskedThread): void {
  // The listener comes behind those that were there before.
  if (threads.size === 0) process.on('exit', endStuck)
  threads.add(thread)
}

export function removeThread(thread: AskedThread): void {
  if (threads.delete(thread) && threads.size === 0) process.off('exit', endStuck)
}

function endStuck(code: number): void {
  const answers = Array.from(threads, (thread) => {
    const answer = new Int32Array(new SharedArrayBuffer(4))
    thread.ask(answer)
    return answer
  })
  const until = clock.now() + longestAnswer
  const isStuck = (answer: Int32Array) => Atomics.wait(answer, 0, 0, Math.max(0, until - clock.now())) === 'timed-out'
  if (!answers.some(isStuck)) return
  const signal = signals[code] ?? 'SIGKILL'
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  // A signal of its own takes a moment.
  pause(longestAnswer)
}
