// An app with a job in a thread, as a bundler gets it.
import { job } from 'afterword'

const Double = job('double', {
  thread: new URL('data:text/javascript,export default (n) => 2 * n'),
  retries: 0,
})
void Double.defer(21).outcome.then(({ status, value, error }) => console.log(status, value ?? error.code))
