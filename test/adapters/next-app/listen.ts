import { instance, subscribe } from 'afterword'
import { tell } from './stage.ts'

/** Tells the test of reports and signals, and gives account when asked to. */
export function listen(): void {
  subscribe('report', ({ error }) => {
    // Tasks that keep the thread until the client has its answer are slow on purpose.
    if (error.code !== 'AFTERWORD_SLOW_TASK') tell('report', { code: error.code, cause: String(error.cause) })
  })
  process.on('SIGTERM', () => tell('signalled'))
  instance().onShutdown(() => tell('shutdown'))
  process.on('message', async (message) => {
    const { type, number } = message as { type: string; number?: number }
    if (type !== 'account' && type !== 'pause') return
    await turns()
    if (type === 'pause') return tell('pause', { number })
    const { left } = await instance().drain()
    await turns()
    tell('account', { number, left: left.map(({ name }) => name) })
  })
  tell('listening')
}

/** Some turns of the event loop: further than any task that is due now is away. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate)
}
