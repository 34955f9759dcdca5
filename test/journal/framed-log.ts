import { FrameBuffer } from '../../src/journal/client/frame-buffer.ts'
import { LogFile, type Segment } from '../../src/journal/client/log-file.ts'

/** A log that is written frame by frame. */
export class FramedLog {
  readonly file: LogFile
  readonly full: boolean

  constructor(path: string, full: boolean) {
    this.full = full
    this.file = new LogFile(path, full, () => {})
  }

  /** Writes entries as one frame, in the next segment where a new one is asked for. */
  write(isNext: boolean, ...entries: string[]): Segment {
    const frame = new FrameBuffer()
    for (const each of entries) frame.add(each)
    if (isNext || this.file.current === undefined) this.file.advance(frame.size)
    this.file.write(frame)
    return this.file.current as Segment
  }

  sync(): void {
    this.file.beginSync()()
  }
}
