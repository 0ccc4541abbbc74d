// A lock for many readers in which a waiting writer goes before readers that come later: queries one after
// the other never keep new series waiting. Meets the standard's SharedMutex. A thread must not take it twice.
#pragma once

#include <pthread.h>

#include "core/result.h"

namespace sextant::tsdb {

class IndexMutex {
 public:
  IndexMutex() {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    SEXTANT_CHECK(pthread_rwlock_init(&lock_, &attributes) == 0);
    pthread_rwlockattr_destroy(&attributes);
  }
  ~IndexMutex() { pthread_rwlock_destroy(&lock_); }
  IndexMutex(const IndexMutex&) = delete;
  IndexMutex& operator=(const IndexMutex&) = delete;

  void lock() { SEXTANT_CHECK(pthread_rwlock_wrlock(&lock_) == 0); }
  bool try_lock() { return pthread_rwlock_trywrlock(&lock_) == 0; }
  void unlock() { pthread_rwlock_unlock(&lock_); }
  void lock_shared() { SEXTANT_CHECK(pthread_rwlock_rdlock(&lock_) == 0); }
  bool try_lock_shared() { return pthread_rwlock_tryrdlock(&lock_) == 0; }
  void unlock_shared() { pthread_rwlock_unlock(&lock_); }

 private:
  pthread_rwlock_t lock_;
};

}  // namespace sextant::tsdb
