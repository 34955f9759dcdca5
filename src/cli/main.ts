#!/usr/bin/env node
import { parseArgs, styleText } from 'node:util'
import { AfterwordError } from '../errors.ts'
import { Inspection } from '../journal/inspection.ts'
import { type Command, commands } from './commands.ts'

const usage = `afterword <command> <folder of the journal> [id] [--all] [--json]

${Object.entries(commands)
  .map(
    ([name, { takes, does }]) =>
      `  ${`${name} <folder>${takes === 'id' ? ' <id>' : takes === 'ids' ? ' <id>|--all' : ''}`.padEnd(34)}${does}`,
  )
  .join('\n')}

  --json prints for machines. Exit codes: 0, or 1 if it could not be done, or 2 if it was not understood.
`

process.exitCode = main(process.argv.slice(2))

function main(args: string[]): number {
  const parsed = parse(args)
  if (parsed === undefined) {
    process.stderr.write(usage)
    return 2
  }
  const { command, folder, ids, all, json } = parsed
  try {
    using journal = new Inspection(folder)
    const { done, value, text } = command.run(
      journal,
      all ? Array.from(journal.records('failed'), ({ id }) => id) : ids,
    )
    process.stdout.write(json ? `${JSON.stringify(value)}\n` : text)
    return done ? 0 : 1
  } catch (error) {
    const { message } = error instanceof AfterwordError ? error : (error as Error)
    process.stderr.write(`${styleText('red', message, { stream: process.stderr })}\n`)
    return 1
  }
}

interface Parsed {
  readonly command: Command
  readonly folder: string
  readonly ids: readonly string[]
  readonly all: boolean
  readonly json: boolean
}

/** `undefined` where it makes no sense. */
function parse(args: string[]): Parsed | undefined {
  const options = { all: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
    const [name = '', folder, ...ids] = positionals
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (command === undefined || folder === undefined) return undefined
    const { takes } = command
    if (takes === 'nothing' && (ids.length > 0 || values.all)) return undefined
    if (takes === 'id' && (ids.length !== 1 || values.all)) return undefined
    if (takes === 'ids' && ids.length === 0 && !values.all) return undefined
    return { command, folder, ids, ...values }
  } catch {
    return undefined
  }
}
