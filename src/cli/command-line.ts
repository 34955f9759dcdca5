import { parseArgs } from 'node:util'
import { nearest } from '../options/validate.ts'
import { version } from '../version.ts'
import type { Command, Output } from './command.ts'
import { backup } from './commands/backup.ts'
import { discard, retry } from './commands/change.ts'
import { list } from './commands/list.ts'
import { show } from './commands/show.ts'
import { status } from './commands/status.ts'
import { work } from './commands/work.ts'

const commands: Readonly<Record<string, Command>> = { status, list, show, retry, discard, backup, work }

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  concurrency: { type: 'string' },
  jobs: { type: 'string' },
} as const

export const usage = `afterword <command> <folder of the journal> [id] [--all] [--json]

${Object.entries(commands)
  .map(([name, { takes, does }]) => `  ${`${name} ${takes}`.padEnd(46)}${does}`)
  .join('\n')}

  --json prints for machines, --help this, --version the version.
  AFTERWORD_KEY, or several separated by commas, opens what is sealed.
  Exit codes: 0, or 1 if it could not be done, or 2 if it was not understood.
`

/** The error for arguments that make no sense; its message says why. */
export class WrongUsage extends Error {}

/** Carries a command line out. @returns its output, piece by piece @throws WrongUsage */
export function outputOf(args: string[]): Output {
  const { values, positionals } = parse(args)
  if (values.help) return text(usage)
  if (values.version) return text(`${version}\n`)
  const [name, place, ...ids] = positionals
  const command = commandOf(name)
  const refused = Object.keys(values).find((option) => !command.options.includes(option))
  if (refused !== undefined) throw new WrongUsage(`${name} takes no --${refused}.`)
  if (place === undefined) throw new WrongUsage(`${name} expects a ${command.place}.`)
  const { all = false, json = false } = values
  const input = { place, ids, all, json, concurrency: concurrencyOf(values), jobs: jobsOf(values) }
  const wrong = command.wrong(input)
  if (wrong !== undefined) throw new WrongUsage(`${name} ${wrong}.`)
  return command.run(input)
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options })
  } catch (error) {
    // Only the first sentence of Node's message is of use here.
    throw new WrongUsage(`${(error as Error).message.split(/\.\s/, 1)[0]}.`)
  }
}

function commandOf(name: string | undefined): Command {
  if (name === undefined) throw new WrongUsage('A command is expected.')
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return command
  const near = nearest(name, Object.keys(commands))
  throw new WrongUsage(`There is no command "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`}`)
}

function concurrencyOf({ concurrency: given }: { readonly concurrency?: string }): number | undefined {
  if (given === undefined) return undefined
  const concurrency = Number(given)
  if (Number.isInteger(concurrency) && concurrency > 0) return concurrency
  throw new WrongUsage(`--concurrency expects a whole number, 1 or more, got "${given}".`)
}

function jobsOf({ jobs: given }: { readonly jobs?: string }): string[] | undefined {
  const jobs = given?.split(',').map((job) => job.trim())
  if (!jobs?.includes('')) return jobs
  throw new WrongUsage(`--jobs expects names of jobs, separated by commas, got "${given}".`)
}

function* text(text: string): Output {
  yield text
  return true
}
