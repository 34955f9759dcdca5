import { AfterwordError } from '../errors.ts'

/** Makes the error for a job that is to be paused where an engine keeps its calls. */
export function noPauses(engine: string): AfterwordError {
  const instead = 'Let the processes work on the other jobs only: worker: { jobs }, or afterword work --jobs.'
  return new AfterwordError('AFTERWORD_NOT_PAUSED', [`${engine} keeps no pauses`, instead])
}
