import { isText, optional, type Rules, validate } from './validate.ts'

/**
 * The options of `doctor`.
 *
 * @example
 * app.get('/afterword/doctor', doctor({ token: process.env.AFTERWORD_TOKEN }))
 */
export interface DoctorOptions {
  /**
   * The token that a caller has to give: `authorization: Bearer …`.
   * @default none: callers of this machine are answered, outside production
   */
  readonly token?: string | undefined
}

const rules: Rules<DoctorOptions> = { token: { ...optional('a text that is not empty', isText), secret: true } }

export function validateDoctor(given: DoctorOptions): DoctorOptions {
  return validate('doctor', rules, given)
}
