import { statfsSync } from 'node:fs'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'

/** The file systems of other machines, by the numbers of `statfs`: https://man7.org/linux/man-pages/man2/statfs.2.html */
const networkTypes = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x01021997, '9p'],
])

/** Names a file system, if it is one of another machine. */
export function networkType(type: number): string | undefined {
  return networkTypes.get(type)
}

/** Warns of a folder on another machine: neither the locks nor the shared memory of SQLite can be trusted there. */
export function warnOfNetwork(folder: string): void {
  const name = networkType(statfsSync(folder).type)
  if (name !== undefined) report(new AfterwordError('AFTERWORD_JOURNAL_NETWORK', [folder, name]))
}
