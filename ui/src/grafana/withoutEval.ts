/**
 * @grafana/data describes its themes with zod, which tries whether it may compile code at run time. The server's content
 * policy forbids that, and the attempt alone is reported as a violation: zod is told not to try.
 */
import { config } from 'zod';

config({ jitless: true });
