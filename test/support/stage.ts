import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { NodeServer } from '../../src/adapters/node-http.ts'
import { currentTask, defer, instance, subscribe } from '../../src/index.ts'
import type { Account, Run } from './account.ts'
import { blockUntil, markHeader } from './mark.ts'
import type { Message } from './program.ts'

// The server's side of a `Site`: what programs under test are made of.

let runs: Run[] = []
let reports: string[] = []
let warnings: string[] = []
// Tasks that keep the thread until the client has its answer are slow on purpose.
subscribe('report', ({ error }) => error.code !== 'AFTERWORD_SLOW_TASK' && reports.push(error.code))
process.on('warning', ({ name }) => warnings.push(name))

/** The mark that this client is going to make. */
export function markOf(req: Pick<IncomingMessage, 'headers'>): string {
  return String(req.headers[markHeader])
}

/** Defers a task that blocks the thread until the client has its last byte. */
export function witness(req: Pick<IncomingMessage, 'headers'>, task = 'task'): void {
  defer(testify, task, markOf(req))
}

/** The last of these tasks in one scope takes the place of the others: two that run tell of two scopes. */
export function onePerScope(task: string): void {
  defer.with({ name: 'one per scope' })(note, task)
}

/** The work of a task of `witness`: it blocks, then notes itself. */
export function testify(task: string, mark: string): void {
  note(task, blockUntil(mark))
  tell('ran', mark)
}

/** Notes the task that runs now. */
export function note(task: string, answeredFirst = true): void {
  runs.push({ task, request: currentTask()?.request ?? null, answeredFirst })
}

/** Tells the test something about a visit. */
export function tell(type: string, mark: string): void {
  process.send?.({ type, mark })
}

const leaves = new Map<string, PromiseWithResolvers<void>>()

/** Resolves when the test lets the handler of that mark go on. */
export function go(mark: string): Promise<void> {
  const leave = leaves.get(mark) ?? Promise.withResolvers<void>()
  leaves.set(mark, leave)
  return leave.promise
}

/** Listens on a free port, tells it, and gives account when asked to. */
export function serve(server: NodeServer): void {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1', () =>
    process.send?.({ type: 'listening', port: (server.address() as AddressInfo).port }),
  )
  process.on('message', async ({ type, mark, number }: Message) => {
    if (type === 'go') {
      void go(String(mark))
      leaves.get(String(mark))?.resolve()
    }
    if (type !== 'account') return
    // With the last connection every event of a response is past: what could run twice has done so.
    for (const socket of sockets) await new Promise((resolve) => socket.on('close', resolve))
    await give(Number(number))
  })
}

/** Gives account of all that happened since the last one. */
export async function give(number: number): Promise<void> {
  await turns()
  const { left } = await instance().drain()
  await turns()
  const account: Account = { runs, reports, warnings, left: left.map(({ name }) => name) }
  process.send?.({ type: 'account', number, account })
  runs = []
  reports = []
  warnings = []
}

/** A few turns of the event loop: further than any task that is due now is away. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate)
}
