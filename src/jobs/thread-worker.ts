import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename } from 'node:path'

// A thread of the pool runs this module. Requests come first on a shared core too: on Linux a thread has a priority of its own.
try {
  setPriority(Number(basename(readlinkSync('/proc/thread-self'))), 10)
} catch {
  // Elsewhere the thread keeps the priority of the process.
}

interface Call {
  readonly module: string
  readonly args: readonly unknown[]
}

/** Calls the default export of a module. */
export default async function call({ module, args }: Call): Promise<unknown> {
  const { default: handler } = (await import(module)) as { default: (...args: readonly unknown[]) => unknown }
  return handler(...args)
}
