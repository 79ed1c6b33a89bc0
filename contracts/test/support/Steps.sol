// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @dev Packs ascending contributor ids (0: unattributed) and weights into leaves.
library Steps {
    function pack(uint32[] memory ids, uint16[] memory weights) internal pure returns (bytes memory leaves) {
        uint256 cursor;
        for (uint256 i; i < ids.length; ++i) {
            uint256 gap = uint256(ids[i]) + 1 - cursor;
            while (gap > 255) {
                uint256 skip = (gap - 1) >> 8;
                if (skip == 0) {
                    // A gap of exactly 256 is no whole skip and an advance: a step that weighs nothing comes between.
                    (leaves, gap) = (bytes.concat(leaves, hex"ff0000"), gap - 255);
                    continue;
                }
                if (skip > 65_535) skip = 65_535;
                leaves = bytes.concat(leaves, bytes3(uint24(skip)));
                gap -= skip << 8;
            }
            leaves = bytes.concat(leaves, bytes3(uint24((gap << 16) | weights[i])));
            cursor = uint256(ids[i]) + 1;
        }
    }

    function one(uint32 id, uint16 weight) internal pure returns (bytes memory) {
        return two(id, weight, 0, 0);
    }

    function two(uint32 a, uint16 wa, uint32 b, uint16 wb) internal pure returns (bytes memory) {
        uint32[] memory ids = new uint32[](b == 0 ? 1 : 2);
        uint16[] memory weights = new uint16[](ids.length);
        (ids[0], weights[0]) = (a, wa);
        if (b != 0) (ids[1], weights[1]) = (b, wb);
        return pack(ids, weights);
    }

    /// @dev Unattributed, contributor 1, contributor 3.
    function pack3(uint16 w0, uint16 w1, uint16 w3) internal pure returns (bytes memory) {
        uint32[] memory ids = new uint32[](3);
        uint16[] memory weights = new uint16[](3);
        (ids[1], ids[2]) = (1, 3);
        (weights[0], weights[1], weights[2]) = (w0, w1, w3);
        return pack(ids, weights);
    }
}
