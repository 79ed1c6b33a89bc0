// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice Every reason for which a call to these contracts fails, in one place for the clients that translate them.
library Errors {
    // who may
    error NotAllowed();
    // unknown or wrong things
    error UnknownContributor();
    error UnknownModel();
    error UnknownDatanet();
    error UnknownBatch();
    error UnknownCheckpoint();
    error UnknownRules();
    error WrongBatch();
    error WrongLeaves();
    error WrongPath();
    error WrongWitness();
    // settling
    error ZeroAmount();
    error ZeroAddress();
    error WrongNonce(uint32 expected);
    error InsufficientBalance(uint256 free);
    error MalformedLeaves();
    error TransferFailed();
    // reward roots
    error EmptyCheckpoint();
    error TooManyRoots();
    error NotPending();
    error TooEarly();
    error StepIsCorrect();
    error NothingHere();
    // rules, registries, stakes
    error OutOfBounds(bytes32 parameter);
    error MalformedSources();
    error LengthMismatch();
    error UnitsOnlyGrow();
    error StakeTooSmall();
    error StillUnbonding(uint256 until);
    // audits
    error NotDrawn();
    error AlreadyDone();
    error WrongReveal();
    error ClaimIsCorrect();
}
