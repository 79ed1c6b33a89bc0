// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Reward keys: who a leaf of the reward tree pays.
/// @notice The top three bits of a key are its kind, the lower 29 the id within that kind, so ascending keys are ascending in the tree.
library Keys {
    uint32 internal constant ID_MASK = 0x1fff_ffff;

    uint32 internal constant PERSON = 0x0000_0000;
    uint32 internal constant MODEL = 0x2000_0000;
    uint32 internal constant DATANET = 0x4000_0000;
    uint32 internal constant MODEL_POOL = 0x6000_0000;
    uint32 internal constant HOST_POOL = 0x8000_0000;
    uint32 internal constant AUDITORS = 0xa000_0000;
    uint32 internal constant TREASURY = 0xc000_0000;

    function kind(uint32 key) internal pure returns (uint32) {
        return key & ~ID_MASK;
    }

    function id(uint32 key) internal pure returns (uint32) {
        return key & ID_MASK;
    }
}
