// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Reward keys: who a leaf of the reward tree pays.
/// @notice The top three bits of a key are its kind, the lower 29 the id within that kind, so ascending keys are ascending in the tree.
library Keys {
    uint256 internal constant ID_BITS = 29;
    uint32 internal constant ID_MASK = uint32((1 << ID_BITS) - 1);

    uint32 internal constant PERSON = uint32(0 << ID_BITS);
    uint32 internal constant MODEL = uint32(1 << ID_BITS);
    uint32 internal constant DATANET = uint32(2 << ID_BITS);
    uint32 internal constant MODEL_POOL = uint32(3 << ID_BITS);
    uint32 internal constant HOST_POOL = uint32(4 << ID_BITS);
    uint32 internal constant AUDITORS = uint32(5 << ID_BITS);
    uint32 internal constant TREASURY = uint32(6 << ID_BITS);

    function kind(uint32 key) internal pure returns (uint32) {
        return key & ~ID_MASK;
    }

    function id(uint32 key) internal pure returns (uint32) {
        return key & ID_MASK;
    }
}
