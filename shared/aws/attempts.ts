/** How often a call is made before it counts as failed: the SDK's three give up after half a second of throttling. */
export const attempts = 10;
