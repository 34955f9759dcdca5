#!/usr/bin/env node
import { once } from 'node:events'
import { inspect, parseArgs, styleText } from 'node:util'
import type { Command, Input } from './command.ts'
import { discard, retry } from './commands/change.ts'
import { list } from './commands/list.ts'
import { show } from './commands/show.ts'
import { status } from './commands/status.ts'
import { work } from './commands/work.ts'

const commands: Readonly<Record<string, Command>> = { status, list, show, retry, discard, work }

const usage = `afterword <command> <folder of the journal> [id] [--all] [--json]

${Object.entries(commands)
  .map(([name, { takes, does }]) => `  ${`${name} ${takes}`.padEnd(46)}${does}`)
  .join('\n')}

  --json prints for machines. AFTERWORD_KEY, or several separated by commas, opens what is sealed.
  Exit codes: 0, or 1 if it could not be done, or 2 if it was not understood.
`

// Whoever reads may have read enough: `| head`.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
const code = await main(process.argv.slice(2))
if (code !== undefined) process.exitCode = code

/** @returns the exit code; `undefined` if the command goes on */
async function main(args: string[]): Promise<number | undefined> {
  const parsed = parse(args)
  if (parsed === undefined) {
    process.stderr.write(usage)
    return 2
  }
  try {
    const output = parsed.command.run(parsed.input)
    for (;;) {
      const { done, value } = await output.next()
      if (done) return value === undefined ? undefined : value ? 0 : 1
      if (!process.stdout.write(value)) await once(process.stdout, 'drain')
    }
  } catch (error) {
    const { message, cause } = error as Error
    process.stderr.write(`${styleText('red', message, { stream: process.stderr })}\n`)
    if (cause !== undefined) process.stderr.write(`${inspect(cause)}\n`)
    process.exit(1)
  }
}

/** `undefined` where it makes no sense. */
function parse(args: string[]): { readonly command: Command; readonly input: Input } | undefined {
  const options = {
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    concurrency: { type: 'string' },
    jobs: { type: 'string' },
  } as const
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
    const [name = '', place, ...ids] = positionals
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (command === undefined || place === undefined) return undefined
    const { all, json } = values
    const concurrency = values.concurrency === undefined ? undefined : Number(values.concurrency)
    if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) return undefined
    const jobs = values.jobs?.split(',').map((job) => job.trim())
    const input: Input = { place, ids, all, json, concurrency, jobs }
    return command.accepts(input) ? { command, input } : undefined
  } catch {
    return undefined
  }
}
