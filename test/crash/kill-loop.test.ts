import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Message, Program } from '../support/program.ts'

/** `KILLS=2000 npx vitest run test/crash` for more. */
const kills = Number(process.env.KILLS ?? 100)
const clients = 16

describe.each(['normal', 'full'])('kill -9 under load, sync: %s', (sync) => {
  test(`${kills} times: every answered request's job runs`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-kill-'))
    const ran = join(folder, 'ran')
    const start = () =>
      new Program(new URL('programs/server.ts', import.meta.url), { args: [join(folder, 'journal'), ran, sync] })
    const answered: string[] = []
    let next = 0
    try {
      for (let kill = 0; kill < kills; kill++) {
        await using server = start()
        const { port } = await server.message<Message & { port: number }>('listening')
        // After so many answers, amid the others: a random instant of all that the server does for a request.
        const enough = answered.length + 1 + Math.floor(Math.random() * 60)
        const agent = new Agent({ keepAlive: true })
        const client = async () => {
          while (answered.length < enough) {
            const path = `/${next++}`
            if (!(await ask(port, path, agent))) return
            answered.push(path)
            if (answered.length >= enough) server.kill()
          }
        }
        await Promise.all(Array.from({ length: clients }, client))
        server.kill()
        await server.exited
        agent.destroy()
      }
      await using last = start()
      await last.message('listening')
      const runs = await untilRun(last, ran, answered)
      const lost = answered.filter((path) => !runs.has(path))
      const twice = [...runs].filter(([, count]) => count > 1)
      console.log(`sync: ${sync}: ${answered.length} answered, ${lost.length} lost, ${twice.length} run more than once`)
      expect(lost).toEqual([])
      // Again runs what was running at a kill, and what had ended a moment before: not all that ever ran.
      expect(twice.length).toBeLessThan(answered.length)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 300_000)
})

/** True if it was answered. */
function ask(port: number, path: string, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    request({ port, path, host: '127.0.0.1', agent }, (response) => {
      response.on('error', () => resolve(false)).resume()
      response.on('end', () => resolve(response.statusCode === 200 && response.complete))
    })
      .on('error', () => resolve(false))
      .end()
  })
}

/** How often each request's job has run, once all have or nothing is left to recover. */
async function untilRun(server: Program, file: string, answered: readonly string[]): Promise<Map<string, number>> {
  const deadline = performance.now() + 20_000
  for (;;) {
    server.send({ type: 'drain' })
    await server.message('drained')
    server.messages.length = 0
    const runs = new Map<string, number>()
    for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
      const [path] = line.split(' ')
      if (path) runs.set(path, (runs.get(path) ?? 0) + 1)
    }
    if (answered.every((path) => runs.has(path)) || performance.now() > deadline) return runs
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
