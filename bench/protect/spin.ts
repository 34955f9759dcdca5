/** The work of a task, in a thread. */
export default function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}
