import { configure, currentTask, job, subscribe } from 'afterword'
import { engine } from './engine.ts'

const { JOURNAL, MAIL_API } = process.env

// A web process has a journal before the engine, and leaves the work to the workers: its responses wait for no server.
configure({ engine, ...(JOURNAL !== undefined && { journal: JOURNAL, worker: false }) })

// The terminal shows the reports of all processes.
subscribe('report', ({ error }) => process.send?.({ report: error.code }))

export const SendWelcome = job(
  'send-welcome',
  async (email: string) => {
    const response = await fetch(MAIL_API as string, {
      method: 'POST',
      body: JSON.stringify({ to: email }),
      // Each run of a call has the same id: by that a mail API can tell a mail that was sent before.
      headers: { 'content-type': 'application/json', 'idempotency-key': currentTask()?.id ?? '' },
    })
    if (!response.ok) throw new Error(`the mail API answered ${response.status}`)
  },
  { retries: 10, backoff: 500 },
)
