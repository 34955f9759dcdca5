import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Board, bold, dim, green, red } from './board.ts'
import { Client } from './client.ts'
import { type FleetProcess, WebProcess, WorkerProcess } from './fleet-process.ts'
import { MailApi } from './mail-api.ts'
import { servers } from './server.ts'

/** The time in ms between two kills, and that for which what was killed is away. */
const between = 3000
const away = 2000
/** The time in ms that a killed worker's calls take to run again, and some more. */
const patience = 120_000

const name = process.argv[2] ?? ''
const startServer = servers[name]
if (startServer === undefined) {
  console.error(`Name the engine: npm run fleet -- ${Object.keys(servers).join('|')}`)
  process.exit(2)
}

const data = mkdtempSync(join(tmpdir(), 'afterword-fleet-'))
process.once('exit', () => rmSync(data, { recursive: true, force: true, maxRetries: 5 }))
// Ctrl-C ends the fleet before its story does.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await using fleet = new AsyncDisposableStack()
const mails = fleet.adopt(await MailApi.start(), (api) => api.close())
const server = fleet.use(await startServer())
const env = { ENGINE: name, ENGINE_URL: server.url, MAIL_API: mails.url }
const webs = ['web-1', 'web-2'].map((name) => new WebProcess(name, join(data, name), env))
const workers = ['worker-1', 'worker-2'].map((name) => new WorkerProcess(name, env))
for (const member of [...webs, ...workers]) {
  await member.start()
  fleet.defer(() => member.end().then(() => undefined))
}

let serverIsUp = true
const client = new Client(webs)
const missing = () => [...client.answered].filter((email) => !mails.sent.has(email))
const board = new Board(rows)
board.tell(
  `${bold(name)}: two web processes, each with its journal, two workers, and ${server.name}. A client signs up users.`,
)

for (const member of [...webs, ...workers]) {
  member.on('report', (code) => board.tell(`${member.name} reports ${code}`))
}

for (const member of [...webs, ...workers]) {
  await wait(between)
  const { pid } = member
  await member.kill()
  board.tell(`${red('kill -9')} ${member.name}, pid ${pid}`)
  await wait(away)
  await member.start()
  board.tell(`${green('started')} ${member.name}, pid ${member.pid}`)
}
await wait(between)
await server.kill()
serverIsUp = false
const before = client.answered.size
client.takeSlowest()
board.tell(`${red('kill -9')} ${server.name}: sign-ups go on, their mails wait in the journals`)
await wait(2 * away)
const meanwhile = client.answered.size - before
board.tell(`${meanwhile} sign-ups were answered without it, the slowest in ${client.takeSlowest().toFixed(0)} ms`)
await server.restart()
serverIsUp = true
board.tell(`${green('started')} ${server.name}`)
await wait(between)
await client.stop()
board.tell('The client has stopped. What was answered, and has no mail yet, is waited for.')
for (const until = performance.now() + patience; missing().length > 0 && performance.now() < until; ) await wait(100)
// A mail that is sent twice may come as late as that.
await wait(between)
board[Symbol.dispose]()

const lost = missing()
console.log(`
answered   ${client.answered.size}
refused    ${client.refused}${dim('   nobody was told that they were signed up')}
lost       ${lost.length === 0 ? green('0') : red(`${lost.length}: ${lost.join(', ')}`)}
duplicated ${mails.twice}${dim('   their worker was killed after the mail had gone, and before its end was stored')}`)
process.exitCode = lost.length === 0 ? 0 : 1

function rows(): string[] {
  const row = (name: string, isUp: boolean, pid: number | undefined, news: string) =>
    `${name.padEnd(10)} ${isUp ? green('up    ') : red('killed')} ${dim(String(pid ?? '').padEnd(8))} ${news}`
  const of = (process: FleetProcess) => row(process.name, process.isUp, process.pid, process.news)
  return [
    `${'client'.padEnd(26)} ${client.answered.size} answered, ${client.refused} refused`,
    ...webs.map(of),
    row(server.name, serverIsUp, undefined, server.url),
    ...workers.map(of),
    `${'mails'.padEnd(26)} ${mails.sent.size} users, ${mails.twice} of them twice, ${missing().length} to come`,
  ]
}
