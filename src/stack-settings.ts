type Prepare = ((error: Error, sites: NodeJS.CallSite[]) => unknown) | undefined

/**
 * Calls `read`, which makes an error and reads its stack, with other settings of stacks. With `--frozen-intrinsics` these can't be set, and
 * stay as they are.
 * @param limit the most frames
 * @param prepare makes the stack out of its call sites; `undefined` for the text that the engine makes
 */
export function withStackSettings<T>(limit: number, prepare: Prepare, read: () => T): T {
  const { stackTraceLimit, prepareStackTrace } = Error
  Reflect.set(Error, 'stackTraceLimit', limit)
  Reflect.set(Error, 'prepareStackTrace', prepare)
  try {
    return read()
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
    Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
  }
}
