import { currentTask } from 'afterword'
import { blockUntil, markHeader } from '../../support/mark.ts'

// The server's side of a `NextSite`. Next may bundle this file more than once: it keeps nothing that must be one.

export function markOf(headers: Headers): string {
  return String(headers.get(markHeader))
}

/** Tells the test something. */
export function tell(type: string, message: object = {}): void {
  process.send?.({ type, ...message })
}

/** Tells of the task that runs now. */
export function note(task: string, answeredFirst = true): void {
  tell('run', { run: { task, request: currentTask()?.request ?? null, answeredFirst } })
}

/** Blocks the thread until the client has its last byte, then notes itself. */
export function testify(task: string, mark: string): void {
  note(task, blockUntil(mark))
}

/** Tells that it waits, and resolves when the test lets it go on. */
export function go(mark: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const listen = (message: unknown) => {
    const { type, mark: wanted } = message as { type: string; mark?: string }
    if (type !== 'go' || wanted !== mark) return
    process.off('message', listen)
    resolve()
  }
  process.on('message', listen)
  tell('waiting', { mark })
  return promise
}
