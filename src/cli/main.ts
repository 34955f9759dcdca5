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
    if (cause !== undefined) process.stderr.write(`${escapeControls(inspect(cause))}\n`)
    process.exit(1)
  }
}
