// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "./Errors.sol";

/// @notice A prepaid account; stored as one word (`pack`). Locks are in LOCK_UNIT wei, rounded up.
struct Account {
    uint96 balance;
    uint56 lockedNow; // by auditable batches of `epoch`
    uint56 lockedBefore; // by those of the epoch before
    uint16 epoch;
    uint32 nonce; // number of batches settled, so that no batch is settled twice
}

// What the casts below cut off is 0: proofs/AccountsProof.sol shows that every result fits its field.
// forge-lint: disable-start(unsafe-typecast)

/// @title Accounts: the arithmetic of prepaid balances, free of storage so that it can be proved (proofs/AccountsProof.sol).
/// @notice Holds after every function: balance >= locked, where locked counts this audit epoch and the one before.
library Accounts {
    uint256 internal constant LOCK_UNIT = 1e13;

    /// @dev One storage write instead of five: settling is the one call whose price everybody pays.
    function pack(Account memory a) internal pure returns (uint256) {
        return uint256(a.balance) | uint256(a.lockedNow) << 96 | uint256(a.lockedBefore) << 152 | uint256(a.epoch) << 208
            | uint256(a.nonce) << 224;
    }

    function unpack(uint256 word) internal pure returns (Account memory) {
        return
            Account(uint96(word), uint56(word >> 96), uint56(word >> 152), uint16(word >> 208), uint32(word >> 224));
    }

    /// @notice The account as it stands in `epoch`: a lock ends with the epoch after its own.
    function rolled(Account memory a, uint256 epoch) internal pure returns (Account memory) {
        if (a.epoch != epoch) {
            a.lockedBefore = uint256(a.epoch) + 1 == epoch ? a.lockedNow : 0;
            a.lockedNow = 0;
            a.epoch = uint16(epoch);
        }
        return a;
    }

    function locked(Account memory a) internal pure returns (uint256) {
        return lockedOf(a.lockedNow, a.lockedBefore);
    }

    function free(Account memory a) internal pure returns (uint256) {
        return a.balance - locked(a);
    }

    function credit(Account memory a, uint256 amount) internal pure {
        (bool fits, uint256 balance) = credited(a.balance, amount);
        if (!fits) revert Errors.OutOfBounds("balance");
        a.balance = uint96(balance);
    }

    function debit(Account memory a, uint256 amount) internal pure {
        (bool there, uint256 balance) = debited(a.balance, a.lockedNow, a.lockedBefore, amount);
        if (!there) revert Errors.InsufficientBalance(free(a));
        a.balance = uint96(balance);
    }

    /// @notice Pays `amount` for a batch and locks `lock` more until its audit is over.
    function spend(Account memory a, uint256 amount, uint256 lock) internal pure {
        debit(a, amount);
        (bool there, uint256 lockedNow) = lockedMore(a.balance, a.lockedNow, a.lockedBefore, lock);
        if (!there) revert Errors.InsufficientBalance(free(a));
        a.lockedNow = uint56(lockedNow);
        ++a.nonce;
    }

    /// @notice Takes up to `amount` for a fault in a batch of `batchEpoch`, first from what that epoch's batches locked.
    function seize(Account memory a, uint256 amount, uint256 batchEpoch) internal pure returns (uint256 taken) {
        if (batchEpoch == a.epoch) a.lockedNow = uint56(lockedLess(a.lockedNow, amount));
        else if (batchEpoch + 1 == a.epoch) a.lockedBefore = uint56(lockedLess(a.lockedBefore, amount));
        taken = free(a) < amount ? free(a) : amount;
        a.balance -= uint96(taken);
    }

    // ---- the arithmetic, on plain numbers; false where it cannot be done

    function lockedOf(uint256 lockedNow, uint256 lockedBefore) internal pure returns (uint256) {
        return (lockedNow + lockedBefore) * LOCK_UNIT;
    }

    function credited(uint256 balance, uint256 amount) internal pure returns (bool, uint256) {
        if (amount > type(uint96).max - balance) return (false, 0);
        return (true, balance + amount);
    }

    function debited(uint256 balance, uint256 lockedNow, uint256 lockedBefore, uint256 amount)
        internal
        pure
        returns (bool, uint256)
    {
        if (amount > balance - lockedOf(lockedNow, lockedBefore)) return (false, 0);
        return (true, balance - amount);
    }

    function lockedMore(uint256 balance, uint256 lockedNow, uint256 lockedBefore, uint256 lock)
        internal
        pure
        returns (bool, uint256)
    {
        uint256 units = (lock + LOCK_UNIT - 1) / LOCK_UNIT;
        if (units * LOCK_UNIT > balance - lockedOf(lockedNow, lockedBefore)) return (false, 0);
        return (true, lockedNow + units);
    }

    function lockedLess(uint256 lockedThen, uint256 amount) internal pure returns (uint256) {
        uint256 units = (amount + LOCK_UNIT - 1) / LOCK_UNIT;
        return units < lockedThen ? lockedThen - units : 0;
    }
}
// forge-lint: disable-end(unsafe-typecast)
