import type { Afterword } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { Command } from '../support/command.ts'
import { Reports } from '../support/reports.ts'

/** Runs the command line, and resolves with what became of it. */
export async function cli(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  await using command = new Command(args)
  const code = await command.exited
  const { stdout, stderr } = command
  return { code, stdout, stderr }
}

export const json = async (...args: string[]) => JSON.parse((await cli(...args, '--json')).stdout)

/** Leaves two calls that have failed, and one that waits. Closes the instance. */
export async function fill(afterword: Afterword): Promise<{ failed: string[]; waiting: string }> {
  using _reports = new Reports()
  const Fail = afterword.job('fail', (_what: object) => Promise.reject(new TypeError('no luck')), { retries: 0 })
  const Later = afterword.job('later', (_n: number) => {})
  const both = ended('fail', 2)
  const failed = [await Fail.dispatch({ n: 1, at: new Date(0) }), await Fail.with({ key: 'k' }).dispatch({ n: 2 })]
  await both
  const waiting = await Later.with({ delay: 3_600_000, timeout: 100 }).dispatch(3)
  await afterword.close()
  return { failed, waiting }
}
