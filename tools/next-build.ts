import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const repository = fileURLToPath(new URL('..', import.meta.url))
const links = ['next', 'react', 'react-dom', '@vercel/functions', 'typescript', '@types/node', '@types/react']

/** What `next` is run with. */
export const nextEnvironment = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' } as const

/** `next`, as {@link buildNext} installs it. */
export const nextProgram = (folder: string): string => join(folder, 'node_modules/next/dist/bin/next')

/** Installs `afterword` and Next in `folder`, outside of the repository, and builds the app that lies in `app`. */
export async function buildNext(folder: string, app: string): Promise<void> {
  // A copy, as it is installed: what is outside of node_modules Next takes for a part of the app.
  for (const path of ['dist', 'package.json']) {
    cpSync(join(repository, path), join(folder, 'node_modules/afterword', path), { recursive: true })
  }
  for (const name of links) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(repository, 'node_modules', name), link)
  }
  await promisify(execFile)(process.execPath, [nextProgram(folder), 'build', app], {
    env: { ...process.env, ...nextEnvironment },
  })
}
