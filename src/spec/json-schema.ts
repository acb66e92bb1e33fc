/** `schema.json`, from which editors know fields, words and descriptions. Made of the same schema that `load` checks by. */
import { z } from 'zod';
import { configSchema, workflowSchema } from './schema.js';

export function workflowJsonSchema(): Record<string, unknown> {
  return jsonSchema(workflowSchema, {
    $id: 'urn:stepaside:workflow:v1',
    title: 'Stepaside workflow',
    description: 'Steps, where their outputs land, and what proves them complete.',
  });
}

export function configJsonSchema(): Record<string, unknown> {
  return jsonSchema(configSchema, {
    $id: 'urn:stepaside:config:v1',
    title: 'stepaside.config.yaml',
    description: 'Stores, limits, retention, trust and policies for all workflows below a folder.',
  });
}

function jsonSchema(schema: z.ZodType, head: Record<string, string>): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
  return { $schema, ...head, ...rest };
}
