import { setTimeout as wait } from 'node:timers/promises'
import { job } from 'afterword'

/** Stands for a mail server, which takes its time. Pages, routes, actions and `instrumentation.ts` import the one job. */
export const SendWelcome = job('send-welcome', async (address: string): Promise<void> => {
  await wait(1000)
  console.log(`welcome, ${address}`)
})
