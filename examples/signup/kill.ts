import { subscribe } from 'afterword'
import type { Signup } from './signup.ts'

/** The time that a task has before its process is killed, in ms. */
const grace = 700

const doomed = new Set<string>()

/** Kills this process in the middle of a task of that sign-up. */
export function killDuring(name: string, { id }: Signup): void {
  doomed.add(`${name} ${id}`)
}

subscribe('task:started', ({ task }) => {
  const signup = task.args[0] as Signup | undefined
  if (doomed.has(`${task.name} ${signup?.id}`)) setTimeout(() => process.kill(process.pid, 'SIGKILL'), grace)
})
