import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { networkType } from '../../src/journal/files/network-file-system.ts'

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
])('a file system of another machine is known by its number: %i is %s', (type, name) => {
  expect(networkType(type)).toBe(name)
})

test('the local disk is none', () => {
  expect(networkType(statfsSync(tmpdir()).type)).toBeUndefined()
})
