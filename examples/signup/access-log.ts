import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { currentTask } from 'afterword'
import type { Signup } from './signup.ts'

/** The number of lines that the page shows. */
const most = 8

/** A file with a line for each sign-up. */
export async function openAccessLog(folder: string, onLine: (lines: string[]) => void) {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'access.log')
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean).slice(-most)

  async function appendAccessLine({ email }: Signup): Promise<void> {
    // After the response its status is known. Before it, as in the old way, nobody can tell how it will end.
    const request = currentTask()?.request
    const answer = request === undefined ? 'not answered yet' : `${request.method} ${request.path} ${request.status}`
    const line = `${new Date().toISOString()} ${answer} ${email}`
    await appendFile(file, `${line}\n`)
    lines.push(line)
    if (lines.length > most) lines.shift()
    onLine(lines)
  }

  return { appendAccessLine, file, lines: () => lines }
}
