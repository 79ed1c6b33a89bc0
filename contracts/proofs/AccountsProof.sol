// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Accounts} from "../src/libraries/Accounts.sol";

/// @notice What proofs/prove.mjs proves of the accounting core, for all numbers: M3 (a balance never falls below its locks), no wei
/// made or lost, and that every number fits into its field of the account's word.
contract AccountsProof {
    uint256 constant UNIT = Accounts.LOCK_UNIT;

    function credit(uint96 balance, uint256 amount) external pure {
        (bool done, uint256 after_) = Accounts.credited(balance, amount);
        require(done);
        assert(after_ == balance + amount);
        assert(after_ <= type(uint96).max);
    }

    function debit(uint96 balance, uint56 lockedNow, uint56 lockedBefore, uint256 amount) external pure {
        require(balance >= Accounts.lockedOf(lockedNow, lockedBefore));
        (bool done, uint256 after_) = Accounts.debited(balance, lockedNow, lockedBefore, amount);
        require(done);
        assert(after_ + amount == balance);
        assert(after_ >= Accounts.lockedOf(lockedNow, lockedBefore));
        assert(after_ <= type(uint96).max);
    }

    function lock(uint96 balance, uint56 lockedNow, uint56 lockedBefore, uint128 more) external pure {
        require(balance >= Accounts.lockedOf(lockedNow, lockedBefore));
        (bool done, uint256 after_) = Accounts.lockedMore(balance, lockedNow, lockedBefore, more);
        require(done);
        assert(balance >= Accounts.lockedOf(after_, lockedBefore));
        assert((after_ - lockedNow) * UNIT >= more);
        assert((after_ - lockedNow) * UNIT < uint256(more) + UNIT);
        assert(after_ <= type(uint56).max);
    }

    function unlock(uint96 balance, uint56 lockedNow, uint56 lockedBefore, uint128 amount) external pure {
        require(balance >= Accounts.lockedOf(lockedNow, lockedBefore));
        uint256 after_ = Accounts.lockedLess(lockedNow, amount);
        assert(after_ <= lockedNow);
        // What the lock was for is free now, so that the penalty can be taken whole.
        assert(after_ == 0 || balance - Accounts.lockedOf(after_, lockedBefore) >= amount);
    }
}
