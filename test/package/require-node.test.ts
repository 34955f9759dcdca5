import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../tools/require-node.js', import.meta.url))

/** Runs the check as if this were another version of Node. */
function checkOn(version: string) {
  const pose = `Object.defineProperty(process.versions, 'node', { value: '${version}' })`
  const args = ['--import', `data:text/javascript,${encodeURIComponent(pose)}`, script]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stderr }
}

it.each(['20.20.2', '22.17.1'])('says in one line what is missing where scripts would run on Node %s', (version) => {
  const { status, stderr } = checkOn(version)
  expect(status).toBe(1)
  expect(stderr).toMatch(new RegExp(`^Node ${version} is too old for this script, .* run "npm ci" .*\n$`))
})

it.each(['22.18.0', '24.21.0'])('lets Node %s run them', (version) => {
  expect(checkOn(version)).toEqual({ status: 0, stderr: '' })
})
