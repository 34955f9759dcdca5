import { setTimeout as wait } from 'node:timers/promises'

/** Stands for a mail server, which takes its time. */
export async function sendWelcome(address: string): Promise<void> {
  await wait(1000)
  console.log(`welcome, ${address}`)
}
