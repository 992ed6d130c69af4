/* SPDX-License-Identifier: Apache-2.0 */
/* How cronjobs/NAME/trigger asks the controller for a run: by the CronJob's annotations. */
#ifndef PODFS_STORE_TRIGGER_H
#define PODFS_STORE_TRIGGER_H

/* How many runs are asked for and not made yet. The Job is made in the transaction that counts it down. */
#define CRONJOB_TRIGGER "podfs.io/trigger"

#endif
