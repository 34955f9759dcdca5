import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync, statfsSync, statSync } from 'node:fs'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'

/** The FUSE of Linux: sshfs, s3fs, virtiofs and the file sharing of Docker Desktop, but also file systems of local disks. */
const fuse = 0x65735546

/** The file systems of other machines, or of the host, by the numbers of `statfs`: https://man7.org/linux/man-pages/man2/statfs.2.html */
const networkTypes = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x01021997, '9p'],
  [0x786f4256, 'VirtualBox shared folder'],
  [0xbacbacbc, 'VMware shared folder'],
  [0x7c7c6673, 'Parallels shared folder'],
  [0x564c, 'NCP'],
  [0x73757245, 'Coda'],
  [fuse, 'FUSE'],
])

/** The types of `mount` on macOS that are no local disk. */
const macTypes = /^(nfs|smbfs|afpfs|webdav|ftp|cifs|9p|virtiofs|.*fuse.*)$/

/** Names a file system, if it is one of another machine, by the number of `statfs`. */
export function networkType(type: number): string | undefined {
  return networkTypes.get(type)
}

/** Warns of a folder on another machine: neither the locks nor the shared memory of SQLite can be trusted there. */
export function warnOfNetwork(folder: string): void {
  const name = networkOf(folder)
  if (name !== undefined) report(new AfterwordError('AFTERWORD_JOURNAL_NETWORK', [folder, name]))
}

/** Names the file system of a folder; `undefined` for a local disk, or where the system does not tell. */
function networkOf(folder: string): string | undefined {
  try {
    const path = realpathSync.native(folder)
    if (process.platform === 'win32') return windowsNetwork(path)
    // The numbers of `statfs` mean something else there.
    if (process.platform === 'darwin') return macNetwork(execFileSync('/sbin/mount', { encoding: 'utf8' }), path)
    const { type } = statfsSync(folder)
    return type === fuse
      ? fuseType(readFileSync('/proc/self/mountinfo', 'utf8'), statSync(folder).dev)
      : networkType(type)
  } catch {
    return undefined
  }
}

/** Names the share of a real path on Windows, to which a letter of a network drive leads as well. */
export function windowsNetwork(path: string): string | undefined {
  return /^\\\\(?![.?]\\(?!UNC\\))/.test(path) ? 'a network share' : undefined
}

/** Names the file system of a real path on macOS. @param mounts the output of `mount`: `//me@host/share on /Volumes/share (smbfs, nodev)` */
export function macNetwork(mounts: string, path: string): string | undefined {
  let best = ''
  let type = ''
  for (const [, point = '', name = ''] of mounts.matchAll(/^.* on (\/.*) \(([^,)]+)/gm)) {
    const isWithin = path === point || path.startsWith(point === '/' ? point : `${point}/`)
    if (isWithin && point.length >= best.length) [best, type] = [point, name]
  }
  return macTypes.test(type) ? type : undefined
}

/** Names a file system of FUSE; `undefined` for that of a local disk. @param mountinfo https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export function fuseType(mountinfo: string, device: number): string | undefined {
  const numbers = `${(device >> 8) & 0xfff}:${(device & 0xff) | ((device >> 12) & 0xfff00)}`
  const line = mountinfo.split('\n').find((line) => line.split(' ')[2] === numbers)
  const type = line?.split(' - ')[1]?.split(' ')[0]
  return type === 'fuseblk' ? undefined : (type ?? networkType(fuse))
}
