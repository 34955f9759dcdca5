import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { networkType } from '../../src/journal/files/network-file-system.ts'

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
])('networkType(%i) is %s', (type, name) => {
  expect(networkType(type)).toBe(name)
})

test('networkType() names no local disk', () => {
  expect(networkType(statfsSync(tmpdir()).type)).toBeUndefined()
})
