#!/usr/bin/env node
import { once } from 'node:events'
import { inspect } from 'node:util'
import { escapeControls } from '../control-characters.ts'
import { outputOf, usageOf, WrongUsage } from './command-line.ts'
import { complain } from './terminal.ts'

// The reader of a pipe may have read enough: `| head`.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
// A bundle in CommonJS may not wait here.
void main(process.argv.slice(2)).then((code) => {
  if (code !== undefined) process.exitCode = code
})

/** @returns the exit code; `undefined` if the command goes on */
async function main(args: string[]): Promise<number | undefined> {
  try {
    const output = outputOf(args)
    for (;;) {
      const { done, value } = await output.next()
      if (done) return value === undefined ? undefined : value ? 0 : 1
      if (!process.stdout.write(value)) await once(process.stdout, 'drain')
    }
  } catch (error) {
    const { code, message, cause } = error as NodeJS.ErrnoException
    // An error of the library may be that of another copy, which the module has loaded.
    complain(code?.startsWith('AFTERWORD_') ? `${code}: ${message}` : message)
    if (error instanceof WrongUsage) {
      process.stderr.write(`${usageOf(args)}\n`)
      return 2
    }
    const text = causeText(cause, message)
    if (text !== undefined) process.stderr.write(`${escapeControls(text)}\n`)
    process.exit(1)
  }
}

/** The text of a cause. A package that is not there, or a server that does not answer, has no stack that tells more; code that throws has. */
function causeText(cause: unknown, message: string): string | undefined {
  if (cause === undefined) return undefined
  const { code } = cause as { code?: unknown }
  if (!(cause instanceof Error) || typeof code !== 'string') return inspect(cause)
  const [line = ''] = cause.message.split('\n', 1)
  return message.includes(line) ? undefined : line
}
