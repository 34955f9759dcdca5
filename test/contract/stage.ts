import { Readable } from 'node:stream'
import { Stage, type StageAnswer } from '../../src/testing/stage.ts'

// What the servers of the contract have in common.

/** The entry point that opens the scopes: the last argument is `auto`, `both`, or missing for the adapter alone. */
const entry = process.argv.at(-1)
if (entry === 'auto' || entry === 'both') await import('../../src/adapters/auto.ts')
export const usesAdapter = entry !== 'auto'

export const stage = new Stage(String(process.env.CONTROL), process.env.MARKS)

/** A body for frameworks that take Node's streams. */
export function nodeBody({ body }: StageAnswer): string | Readable {
  return typeof body === 'string' ? body : Readable.from(body, { objectMode: false })
}

/** Tells the test where the server listens, and closes it when asked to. */
export function listening(port: number, close?: () => Promise<unknown>): void {
  console.log(`listening ${port}`)
  if (close === undefined) return
  process.on('SIGUSR2', async () => {
    await close()
    process.exit()
  })
}
