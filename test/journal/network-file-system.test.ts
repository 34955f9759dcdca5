import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { fuseType, macNetwork, networkType, windowsNetwork } from '../../src/journal/files/network-file-system.ts'

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x65735546, 'FUSE'],
  [0x786f4256, 'VirtualBox shared folder'],
  [0xbacbacbc, 'VMware shared folder'],
  [0x7c7c6673, 'Parallels shared folder'],
])('networkType(%i) is %s', (type, name) => {
  expect(networkType(type)).toBe(name)
})

test('networkType() names no local disk', () => {
  expect(networkType(statfsSync(tmpdir()).type)).toBeUndefined()
})

test('fuseType() names the file system of a device, but for one on a local disk', () => {
  const mounts = `22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
36 22 0:41 / /data rw,nosuid shared:9 - fuse.sshfs me@host:/ rw,user_id=0
37 22 0:42 / /host rw - virtiofs host rw
38 22 0:43 / /mnt/disk rw - fuseblk /dev/sdb1 rw`
  expect(fuseType(mounts, 41)).toBe('fuse.sshfs')
  expect(fuseType(mounts, 42)).toBe('virtiofs')
  expect(fuseType(mounts, 43)).toBeUndefined()
  expect(fuseType(mounts, 44)).toBe('FUSE')
})

test('macNetwork() names the file system of the innermost mount', () => {
  const mounts = `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//me@nas/work on /Volumes/work (smbfs, nodev, nosuid, mounted by me)
host:/export on /Volumes/work/nfs here (nfs, asynchronous)
sshfs@osxfuse0 on /Users/me/remote (macfuse, synchronous, mounted by me)`
  expect(macNetwork(mounts, '/Volumes/work/app/journal')).toBe('smbfs')
  expect(macNetwork(mounts, '/Volumes/work/nfs here/j')).toBe('nfs')
  expect(macNetwork(mounts, '/Users/me/remote')).toBe('macfuse')
  expect(macNetwork(mounts, '/Volumes/workshop')).toBeUndefined()
  expect(macNetwork(mounts, '/Users/me/app')).toBeUndefined()
})

test('windowsNetwork() tells a share from a local disk', () => {
  expect(windowsNetwork('\\\\nas\\work\\journal')).toBe('a network share')
  expect(windowsNetwork('\\\\?\\UNC\\nas\\work')).toBe('a network share')
  expect(windowsNetwork('\\\\?\\C:\\journal')).toBeUndefined()
  expect(windowsNetwork('C:\\journal')).toBeUndefined()
})
